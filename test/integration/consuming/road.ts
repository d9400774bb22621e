import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { beforeAll } from "vitest";
import { HEADER } from "#shared/broker/headers.ts";
import { type EnqueueOptions, enqueue, type JobDefinition } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { type Engine, useEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";

/** The engine with relay and scheduler at work, and a table that counts effects and takes duplicates. */
export function useRoad(): Engine {
  const engine = useEngine();
  beforeAll(async () => {
    await sql`create table effects (job uuid not null, note text, number bigserial)`.execute(engine.db);
    await engine.startRelay();
    await engine.startScheduler();
  });
  return engine;
}

/** Enqueues one job in a transaction of its own. */
export async function add<Payload>(
  { db }: Engine,
  definition: JobDefinition<Payload>,
  payload: Payload,
  options: EnqueueOptions = {},
): Promise<string> {
  return db.transaction().execute((trx) => enqueue(trx, definition, payload, options));
}

/** Makes a service's queue without a consumer, as after a start that ended again. */
export async function declareQueueOf({ db, broker }: Engine, service: string, definition: JobDefinition) {
  await db.transaction().execute((trx) => register(trx, service, [definition], []));
  const queue = `${service}.${definition.priority}`;
  await eventually(`queue ${queue}`, () =>
    broker
      .count(queue)
      .catch(() => undefined)
      .then(isNumber),
  );
  return queue;
}

/** Waits until so many messages lie ready in a queue. */
export async function holds({ broker }: Engine, queue: string, ready: number): Promise<void> {
  await eventually(`${ready} messages in ${queue}`, async () => (await broker.count(queue)) === ready);
}

/** Waits until the broker has a job's message. */
export async function published({ db }: Engine, id: string): Promise<void> {
  await eventually(`job ${id} to be published`, async () => {
    return (await sql`select from duly.outbox where ref = ${id}`.execute(db)).rows.length === 0;
  });
}

/** Puts a message on a queue that looks like the relay's of the given send. */
export async function putSend(
  { broker }: Engine,
  queue: string,
  { type, id, send, payload }: { type: string; id: string; send: number; payload: unknown },
): Promise<void> {
  const properties = { messageId: id, type, headers: { [HEADER.send]: send, [HEADER.attempts]: 0 } };
  await broker.put(queue, Buffer.from(JSON.stringify(payload)), properties);
}

/** Leaves a job behind as a process does that died at work on it; with `alive` its heartbeat goes on. */
export async function leaveToGhost({ db }: Engine, id: string, alive = false): Promise<string> {
  const ghost = randomUUID();
  await sql`
    update duly.jobs set state = 'running', claim = claim + 1, holder = ${ghost}, started_at = duly.now() where id = ${id}
  `.execute(db);
  await sql`insert into duly.intents (job_id, number, outcome, made_at) values (${id}, 1, 'unknown', duly.now())`.execute(
    db,
  );
  if (alive) {
    await sql`
      insert into duly.consumers (instance, service, host, pid, started_at, seen_at, in_hand)
      values (${ghost}, 'ghost', 'nowhere', 1, duly.now(), duly.now(), array[${id}]::uuid[])`.execute(db);
  }
  return ghost;
}

/** The notes of a job's effects, in the order they were written. */
export async function effectsOf({ db }: Engine, id: string): Promise<(string | null)[]> {
  const rows = await sql<{ note: string | null }>`
    select note from effects where job = ${id} order by number`.execute(db);
  return rows.rows.map((row) => row.note);
}

export interface SeenLetter {
  id: string;
  reason: string;
  attempts: number;
  service: string;
  priority: string | null;
  type: string | null;
  error: { name: string; code?: string; message: string };
  payload: unknown;
  body: Buffer | null;
  headers: Record<string, unknown> | null;
}

/** The letters about a job id. */
export async function lettersOf({ db }: Engine, jobId: string): Promise<SeenLetter[]> {
  const rows =
    await sql<SeenLetter>`select * from duly.dead_letters where job_id = ${jobId} order by id`.execute(db);
  return rows.rows;
}

/** The intents of a job, as `number outcome`. */
export async function intentsOf({ db }: Engine, id: string): Promise<string[]> {
  const rows = await sql<{ line: string }>`
    select number || ' ' || outcome as line from duly.intents where job_id = ${id} order by number`.execute(
    db,
  );
  return rows.rows.map((row) => row.line);
}

/** A promise to be settled from outside, and whether something waits at it. */
export class Gate {
  readonly #opened = Promise.withResolvers<void>();
  readonly #reached = Promise.withResolvers<void>();
  /** Resolves when somebody stands before it. */
  readonly reached = this.#reached.promise;

  open(): void {
    this.#opened.resolve();
  }

  async pass(): Promise<void> {
    this.#reached.resolve();
    await this.#opened.promise;
  }
}

function isNumber(value: unknown): boolean {
  return typeof value === "number";
}
