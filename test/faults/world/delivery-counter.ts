const METHOD_FRAME = 1;
/** Class and method of basic.deliver (AMQP 0-9-1 §1.8.3.13). */
const BASIC_DELIVER = (60 << 16) | 60;
/** Type, channel and size before the payload, the end mark after it (AMQP 0-9-1 §2.3.5). */
const HEADER_BYTES = 7;
const END_BYTES = 1;
const METHOD_BYTES = 4;

/** Counts the deliveries in what a broker says on one connection, however the bytes are cut. */
export class DeliveryCounter {
  #head = Buffer.alloc(0);
  #skip = 0;
  count = 0;

  feed(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, rest.length);
        this.#skip -= skipped;
        rest = rest.subarray(skipped);
        continue;
      }
      this.#head = Buffer.concat([this.#head, rest]);
      if (this.#head.length < HEADER_BYTES + METHOD_BYTES) return;
      if (this.#head.readUInt8(0) === METHOD_FRAME && this.#head.readUInt32BE(HEADER_BYTES) === BASIC_DELIVER)
        this.count += 1;
      this.#skip = HEADER_BYTES + this.#head.readUInt32BE(3) + END_BYTES;
      rest = this.#head;
      this.#head = Buffer.alloc(0);
    }
  }
}
