import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { type Database, enqueueMany } from "#shared/index.ts";
import { KINDS, type Kind, type LabPayload } from "../service/kinds.ts";
import type { Random } from "./random.ts";

/** What a round gives to do. */
export interface LoadPlan {
  readonly perSecond: number;
  /** How much of each kind, as shares of their sum. */
  readonly mix: Readonly<Partial<Record<Kind, number>>>;
  /** How long the provider takes for an effect. */
  readonly delayMs: number;
  /** Lines of its ordered jobs: each moves one job at a time. */
  readonly lines: number;
}

/** Rows mostly, and a few of each kind of outside effect: half of what a machine of two cores does. */
export const USUAL: LoadPlan = {
  perSecond: 100,
  mix: { row: 34, group: 34, keyed: 11, repeatable: 4, single: 4, ordered: 4, critical: 8, urgent: 1 },
  delayMs: 20,
  lines: 40,
};

/** Work that arrives all the time. */
export interface Load {
  /** Adds no more; resolves to how many jobs were surely committed by then. */
  readonly stop: () => Promise<void>;
  /** Transactions that PostgreSQL refused or did not answer: their jobs exist or not, together with their note. */
  readonly refused: () => number;
}

const STEP_MS = 100;

/** Adds jobs in small transactions, each with a note of what it committed, in the same transaction. */
export function startLoad(db: Database, round: string, plan: LoadPlan, random: Random): Load {
  const end = new AbortController();
  let refused = 0;
  const working = (async () => {
    const beganAt = Date.now();
    let added = 0;
    while (!end.signal.aborted) {
      const wanted = Math.min(200, Math.floor(((Date.now() - beganAt) / 1000) * plan.perSecond) - added);
      if (wanted > 0) {
        await addJobs(db, round, plan, wanted, random).catch(() => (refused += 1));
        added += wanted;
      }
      await sleep(STEP_MS, undefined, { signal: end.signal }).catch(() => undefined);
    }
  })();
  return {
    stop: () => {
      end.abort();
      return working;
    },
    refused: () => refused,
  };
}

async function addJobs(
  db: Database,
  round: string,
  plan: LoadPlan,
  count: number,
  random: Random,
): Promise<void> {
  await commitJobs(
    db,
    round,
    Array.from({ length: count }, () => oneJob(round, plan, random)),
  );
}

/** A job of the laboratory as it is enqueued. */
export interface LabJob {
  readonly kind: Kind;
  readonly payload: LabPayload;
  readonly runAt?: Date | undefined;
  readonly orderingKey?: string;
  readonly expiresAt?: Date;
}

/** Adds jobs, and a note that they were, in one transaction. */
export async function commitJobs(db: Database, round: string, jobs: readonly LabJob[]): Promise<void> {
  await db.transaction().execute(async (trx) => {
    for (const kind of Object.keys(KINDS) as Kind[]) {
      const items = jobs.filter((job) => job.kind === kind);
      const ids = await enqueueMany(trx, KINDS[kind], items);
      const failures = items.map(({ payload }) => payload.failures);
      const hopeless = items.map(({ payload }) => payload.hopeless);
      await sql`
        insert into lab.committed (job, round, kind, failures, hopeless)
        select job, ${round}, ${kind}, failures, hopeless
        from unnest(${ids}::uuid[], ${failures}::int[], ${hopeless}::bool[]) as added(job, failures, hopeless)
      `.execute(trx);
    }
  });
}

function oneJob(round: string, plan: LoadPlan, random: Random): LabJob {
  const failures = random.chance(0.03) ? random.between(1, 2) : 0;
  const hopeless = random.chance(0.01);
  const payload: LabPayload = { round, failures, hopeless, delayMs: random.between(0, 2 * plan.delayMs) };
  // Some are due later, so that the scheduler has work all the time.
  const kind = drawKind(plan.mix, random);
  if (kind === "ordered") return { kind, payload, orderingKey: `${round} ${random.between(1, plan.lines)}` };
  if (kind === "brief") {
    const expiresAt = new Date(Date.now() + random.between(500, 3000));
    return { kind, payload: { ...payload, failures: 1, hopeless: false }, expiresAt };
  }
  const runAt = random.chance(0.2) ? new Date(Date.now() + random.between(0, 3000)) : undefined;
  return { kind, payload, runAt };
}

function drawKind(mix: LoadPlan["mix"], random: Random): Kind {
  const total = Object.values(mix).reduce((sum, share) => sum + share, 0);
  return random.draw(mix, total) ?? "row";
}
