/** AMQP's short strings: routing keys, types and ids (AMQP 0-9-1 §4.2.5.3). */
const LONGEST_BYTES = 255;

/** Cuts text to what an AMQP short string holds: 255 bytes, no character halved. */
export function shortText(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= LONGEST_BYTES) return text;
  return new TextDecoder().decode(bytes.subarray(0, LONGEST_BYTES), { stream: true });
}
