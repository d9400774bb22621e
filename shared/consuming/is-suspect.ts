import type { Delivery } from "../broker/consume-queue.ts";
import { HEADER } from "../broker/headers.ts";

/** RabbitMQ's count of the times that a quorum queue's message came back unacked. */
const DELIVERY_COUNT = "x-delivery-count";
const SUSPICIOUS = 3;

/** Whether a delivery may have killed its consumers: it came back, or its job was left by dying processes, three times. */
export function isSuspect({ headers }: Pick<Delivery, "headers">): boolean {
  return numberOf(headers[DELIVERY_COUNT]) + numberOf(headers[HEADER.crashes]) >= SUSPICIOUS;
}

function numberOf(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
