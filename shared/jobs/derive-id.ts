import { createHash } from "node:crypto";

/**
 * The id of the job that a subscription makes of an event: always the same one.
 *
 * A UUIDv8 (RFC 9562 §5.8) whose first 48 bits are the event's own time, so that it sorts into the same partition and
 * a late duplicate of the event still finds its finished job there.
 */
export function deriveId(eventId: string, subscription: string): string {
  const time = eventId.replaceAll("-", "").slice(0, 12);
  const hash = createHash("sha256").update(`${eventId}/${subscription}`).digest();
  hash[0] = ((hash[0] ?? 0) & 0x0f) | 0x80;
  hash[2] = ((hash[2] ?? 0) & 0x3f) | 0x80;
  const hex = time + hash.toString("hex", 0, 10);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
