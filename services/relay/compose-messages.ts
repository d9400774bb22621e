import type { QueryExecutorProvider } from "kysely";
import { eventMessage } from "#shared/broker/event-message.ts";
import { jobMessage } from "#shared/broker/job-message.ts";
import { letterMessage } from "#shared/broker/letter-message.ts";
import { LARGEST_MESSAGE_BYTES, type OutgoingMessage } from "#shared/broker/publish-batch.ts";
import type { OutboxRow } from "#shared/outbox/claim.ts";
import { isPriority } from "#shared/outbox/lanes.ts";
import { type EventContent, readEvents } from "#shared/outbox/read-events.ts";
import { type JobContent, readJobs } from "#shared/outbox/read-jobs.ts";
import { type LetterContent, readLetters } from "#shared/outbox/read-letters.ts";

/**
 * What a claimed row says: its message · `overtaken` it points to nothing that still has to go out · `later` its content
 * is beyond what one batch may hold in memory.
 */
type Content = OutgoingMessage | "overtaken" | "later";

/** A claimed row and what it says. */
export interface Composed {
  readonly row: OutboxRow;
  readonly message: Content;
  /** Attempts made so far, of a job. */
  readonly attempts: number;
}

/** Reads the content that each row points to and makes its message. */
export async function composeMessages(
  trx: QueryExecutorProvider,
  rows: readonly OutboxRow[],
): Promise<Composed[]> {
  const refs = (wanted: (row: OutboxRow) => boolean) => rows.filter(wanted).map((row) => row.ref);
  const jobs = await readJobs(
    trx,
    refs((row) => isPriority(row.lane)),
  );
  const letters = await readLetters(
    trx,
    refs((row) => row.lane === "letter"),
  );
  const events = await readEvents(
    trx,
    refs((row) => row.lane === "event"),
  );
  const now = Date.now();
  return rows.map((row) => {
    if (row.lane === "event") return { row, message: composeEvent(events.get(row.ref)), attempts: 0 };
    if (row.lane === "letter") return { row, message: composeLetter(letters.get(row.ref), now), attempts: 0 };
    const job = jobs.get(row.ref);
    return { row, message: composeJob(row, job, now), attempts: job?.attempts ?? 0 };
  });
}

// A row whose number is not its job's is overtaken, one whose job has ended came too late: their deliveries would be
// stale, so they need not be made.
function composeJob(row: OutboxRow, job: JobContent | undefined, now: number): Content {
  if (job === undefined || job.send !== row.send) return "overtaken";
  if (job.state !== "queued" && job.state !== "retrying") return "overtaken";
  if (job.payload === null) return "later";
  return jobMessage({ ...job, payload: job.payload, delayMs: row.delayMs }, now);
}

function composeEvent(event: EventContent | undefined): Content {
  if (event === undefined) return "overtaken";
  if (event.data === null) return "later";
  return eventMessage({
    ...event,
    data: event.data,
    subject: event.subject ?? undefined,
    causationId: event.causationId ?? undefined,
  });
}

// A copy that cannot carry its body carries its headers only: the letter itself has everything.
function composeLetter(letter: LetterContent | undefined, now: number): Content {
  if (letter === undefined) return "overtaken";
  const { body } = letter;
  if (body === null) return "later";
  return letterMessage(
    {
      ...letter,
      jobId: letter.jobId ?? undefined,
      priority: letter.priority ?? undefined,
      type: letter.type ?? undefined,
      error: letter.error ?? "",
      correlationId: letter.correlationId ?? undefined,
      body: body.length > LARGEST_MESSAGE_BYTES ? Buffer.alloc(0) : body,
      failedAt: letter.createdAt,
    },
    now,
  );
}
