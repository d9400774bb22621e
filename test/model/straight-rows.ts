import { record, type Taken, takeJob } from "./rows.ts";
import type { Holder, Rows } from "./world.ts";

/** A consumer, that takes a job past the broker: its row in the outbox and the claim are one transaction. */
export function takeStraight(rows: Rows, send: number, holder: Holder): { rows: Rows; taken?: Taken } {
  if (!rows.outbox.some((row) => row.send === send && !row.published)) return { rows };
  return takeJob(withoutRow(rows, send), send, holder);
}

/** The same for a handler with database effects only: the row, the effects and the new state are one transaction. */
export function recordStraight(rows: Rows, ...how: RecordArguments): Rows | undefined {
  const [send] = how;
  if (!rows.outbox.some((row) => row.send === send && !row.published)) return undefined;
  return record(withoutRow(rows, send), ...how);
}

type RecordArguments = Parameters<typeof record> extends [Rows, ...infer Rest] ? Rest : never;

function withoutRow(rows: Rows, send: number): Rows {
  return { ...rows, outbox: rows.outbox.filter((row) => row.send !== send) };
}
