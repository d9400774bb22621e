import { writeSync } from "node:fs";
import { type QueryExecutorProvider, sql } from "kysely";
import {
  emit,
  type Handler,
  handle,
  type JobInHand,
  PermanentError,
  RetryableError,
  type SettlingTransaction,
  type Subscription,
  subscribe,
} from "#shared/index.ts";
import { Failing, Hear, KINDS, type LabPayload, Noted, Refusing, Slow } from "./kinds.ts";
import { type Asked, closeKey, findEffect, makeEffect } from "./provider-client.ts";

/** Where the laboratory's provider is, by each of its doors. */
export interface Addresses {
  readonly provider: string;
  readonly refusing: string;
  readonly failing: string;
}

/** All that the laboratory's service runs and hears: one handler for each way to keep an effect single. */
export function labHandlers({ provider, refusing, failing }: Addresses): readonly (Handler | Subscription)[] {
  const receiptRow = (
    trx: SettlingTransaction,
    _receipt: unknown,
    { job, payload }: { job: JobInHand; payload: LabPayload },
  ) => writeRows(trx, [{ job: job.id, round: payload.round }]);
  const writeOne = async (
    trx: SettlingTransaction,
    _receipt: unknown,
    { job, payload }: { job: JobInHand; payload: LabPayload },
  ) => {
    await failAsPlanned(trx, job, payload);
    await writeRows(trx, [{ job: job.id, round: payload.round }]);
  };
  const keyedAt = (address: string, find = findEffect) => ({
    effects: "keyed" as const,
    perform: (asked: Asked) => performOnce(address, asked, asked.intent.key),
    ask: (asked: Asked) => find(address, asked),
    record: receiptRow,
  });
  return [
    handle(KINDS.row, {
      record: async (trx, _receipt, { job, payload }) => {
        await failAsPlanned(trx, job, payload);
        await writeRows(trx, [{ job: job.id, round: payload.round }]);
        await emit(trx, Noted, { job: job.id, round: payload.round }, { cause: job });
      },
    }),
    handle(KINDS.group, {
      recordAll: async (trx, items) => {
        for (const { job, payload } of items) await failAsPlanned(trx, job, payload);
        await writeRows(
          trx,
          items.map(({ job, payload }) => ({ job: job.id, round: payload.round })),
        );
      },
    }),
    handle(KINDS.keyed, keyedAt(provider)),
    handle(KINDS.closing, keyedAt(provider, closeKey)),
    handle(KINDS.refused, { ...keyedAt(refusing), uses: [Refusing] }),
    handle(KINDS.gated, { ...keyedAt(failing), uses: [Failing] }),
    handle(KINDS.urgent, keyedAt(provider)),
    handle(KINDS.repeatable, {
      effects: "atLeastOnce",
      perform: (asked) => performOnce(provider, asked, undefined),
      record: receiptRow,
    }),
    handle(KINDS.single, {
      effects: "atMostOnce",
      perform: (asked) => performOnce(provider, asked, undefined),
      record: receiptRow,
    }),
    handle(KINDS.line, keyedAt(provider)),
    handle(KINDS.expiring, keyedAt(provider, closeKey)),
    handle(KINDS.critical, { record: writeOne }),
    handle(KINDS.ordered, { record: writeOne }),
    handle(KINDS.unique, { record: writeOne }),
    handle(KINDS.brief, { record: writeOne }),
    handle(KINDS.poison, {
      effects: "keyed",
      perform: async () => {
        writeSync(2, "SIGKILL at crash point of the job itself\n"); // whoever keeps this process expects it then
        process.kill(process.pid, "SIGKILL");
        await Promise.resolve();
      },
    }),
    handle(Slow, {
      recordAll: async (trx, items) => {
        await sql`select pg_sleep(group_ms / 1000.0) from lab.pace`.execute(trx);
        await writeRows(
          trx,
          items.map(({ job, payload }) => ({ job: job.id, round: payload.round })),
        );
      },
    }),
    handle(Hear, {
      record: (trx, _receipt, { payload }) =>
        writeRows(trx, [{ job: payload.of, round: payload.round }], "heard"),
    }),
    subscribe(Noted, ({ data }) => ({ job: Hear, payload: { of: data.job, round: data.round } })),
  ];
}

async function performOnce(provider: string, asked: Asked, key: string | undefined) {
  const { db, job, payload } = asked;
  const hopeless = await isHopeless(db, job, payload);
  // Before anything leaves, so that the provider has nothing to do with it.
  if (!hopeless && job.attempt <= payload.failures)
    throw new RetryableError("planned", "fails as planned", { effect: "none" });
  return makeEffect(provider, { ...asked, payload: { ...payload, hopeless } }, key);
}

async function failAsPlanned(trx: QueryExecutorProvider, job: JobInHand, payload: LabPayload): Promise<void> {
  if (await isHopeless(trx, job, payload)) throw new PermanentError("planned", "fails for good as planned");
  if (job.attempt <= payload.failures) throw new RetryableError("planned", "fails as planned");
}

async function isHopeless(
  db: QueryExecutorProvider,
  { id }: JobInHand,
  { hopeless }: LabPayload,
): Promise<boolean> {
  if (!hopeless) return false;
  const mended = await sql`select from lab.mended where job = ${id}`.execute(db);
  return mended.rows.length === 0;
}

// No constraint keeps a second row away: a duplicate has to be seen.
async function writeRows(
  trx: SettlingTransaction,
  rows: readonly { readonly job: string; readonly round: string }[],
  what: "done" | "heard" = "done",
): Promise<void> {
  await sql`
    insert into lab.effects (job, round, what)
    select job, round, ${what} from unnest(${rows.map((row) => row.job)}::uuid[],
      ${rows.map((row) => row.round)}::text[]) as rows(job, round)
  `.execute(trx);
}
