import { writeSync } from "node:fs";
import { sql } from "kysely";
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
import { Hear, KINDS, type LabPayload, Noted, Slow } from "./kinds.ts";
import { type Asked, findEffect, makeEffect } from "./provider-client.ts";

/** All that the laboratory's service runs and hears: one handler for each way to keep an effect single. */
export function labHandlers(provider: string): readonly (Handler | Subscription)[] {
  const receiptRow = (
    trx: SettlingTransaction,
    _receipt: unknown,
    { job, payload }: { job: JobInHand; payload: LabPayload },
  ) => writeRows(trx, [{ job: job.id, round: payload.round }]);
  return [
    handle(KINDS.row, {
      record: async (trx, _receipt, { job, payload }) => {
        failAsPlanned(job, payload);
        await writeRows(trx, [{ job: job.id, round: payload.round }]);
        await emit(trx, Noted, { job: job.id, round: payload.round }, { cause: job });
      },
    }),
    handle(KINDS.group, {
      recordAll: async (trx, items) => {
        for (const { job, payload } of items) failAsPlanned(job, payload);
        await writeRows(
          trx,
          items.map(({ job, payload }) => ({ job: job.id, round: payload.round })),
        );
      },
    }),
    handle(KINDS.keyed, {
      effects: "keyed",
      perform: (asked) => performOnce(provider, asked, asked.intent.key),
      ask: async (asked) => {
        const receipt = await findEffect(provider, asked);
        return receipt === undefined ? { effect: "none" } : { effect: "applied", receipt };
      },
      record: receiptRow,
    }),
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
    handle(KINDS.ordered, {
      record: async (trx, _receipt, { job, payload }) => {
        failAsPlanned(job, payload);
        await writeRows(trx, [{ job: job.id, round: payload.round }]);
      },
    }),
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
  // Before anything leaves, so that the provider has nothing to do with it.
  if (asked.job.attempt <= asked.payload.failures)
    throw new RetryableError("planned", "fails as planned", { effect: "none" });
  return makeEffect(provider, asked, key);
}

function failAsPlanned(job: JobInHand, payload: LabPayload): void {
  if (payload.hopeless) throw new PermanentError("planned", "fails for good as planned");
  if (job.attempt <= payload.failures) throw new RetryableError("planned", "fails as planned");
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
