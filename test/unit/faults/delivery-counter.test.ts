import { expect, test } from "vitest";
import { DeliveryCounter } from "../../faults/world/delivery-counter.ts";

const DELIVER = [0, 60, 0, 60];
const ACK = [0, 60, 0, 80];

function frame(type: number, payload: readonly number[]): Buffer {
  const head = Buffer.alloc(7);
  head.writeUInt8(type, 0);
  head.writeUInt16BE(1, 1);
  head.writeUInt32BE(payload.length, 3);
  return Buffer.concat([head, Buffer.from(payload), Buffer.from([0xce])]);
}

const body = frame(3, [...DELIVER, ...DELIVER]); // content that looks like deliveries
const heartbeat = frame(8, []);
const said = Buffer.concat([
  frame(1, [...DELIVER, 1, 2, 3]),
  body,
  heartbeat,
  frame(1, ACK),
  frame(1, DELIVER),
  heartbeat,
]);

test.each([1, 2, 3, 7, 8, 11, said.length])("counts deliveries in pieces of %d bytes", (size) => {
  const counter = new DeliveryCounter();
  for (let at = 0; at < said.length; at += size) counter.feed(said.subarray(at, at + size));
  expect(counter.count).toBe(2);
});
