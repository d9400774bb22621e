import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { type Database, type EnqueueOptions, enqueueMany } from "#shared/index.ts";
import { KINDS, type Kind, type LabPayload } from "../service/kinds.ts";
import type { Random } from "./random.ts";

/** What a round gives to do. */
export interface LoadPlan {
  readonly perSecond: number;
  /** How much of each kind, as shares of their sum. */
  readonly mix: Readonly<Partial<Record<Kind, number>>>;
  /** How long the provider takes for an effect. */
  readonly delayMs: number;
  /** Lines of its ordered jobs, and as many of those that stand still behind a dead letter: each moves one job at a time. */
  readonly lines: number;
}

/** Rows mostly, and a few of each kind of outside effect: half of what a machine of two cores does. */
export const USUAL: LoadPlan = {
  perSecond: 100,
  mix: {
    row: 29,
    group: 29,
    keyed: 10,
    closing: 2,
    repeatable: 4,
    single: 4,
    ordered: 4,
    line: 3,
    unique: 4,
    expiring: 2,
    critical: 8,
    urgent: 1,
  },
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
/** So few that a job is often there when the next one comes. */
const UNIQUE_KEYS = 8;
/** Less than most of them need when something is broken, more than when all is well. */
const SHORTEST_LIFE_MS = 500;
const LONGEST_LIFE_MS = 6000;

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
export interface LabJob
  extends Pick<EnqueueOptions, "runAt" | "orderingKey" | "uniqueKey" | "ifTaken" | "expiresAt"> {
  readonly kind: Kind;
  readonly payload: LabPayload;
}

/** Adds jobs, and a note that they were, in one transaction. Of those whose unique key was taken there is a note already. */
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
        ${kind === "unique" ? sql`on conflict do nothing` : sql``}
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
  if (kind === "ordered" || kind === "line")
    return { kind, payload, orderingKey: `${round} ${kind} ${random.between(1, plan.lines)}` };
  if (kind === "brief") {
    const expiresAt = new Date(Date.now() + random.between(500, 3000));
    return { kind, payload: { ...payload, failures: 1, hopeless: false }, expiresAt };
  }
  const runAt = random.chance(0.2) ? new Date(Date.now() + random.between(0, 3000)) : undefined;
  if (kind === "unique") {
    const uniqueKey = `${round} ${random.between(1, UNIQUE_KEYS)}`;
    const ifTaken = random.chance(0.5) ? "keep" : "replace";
    return { kind, payload: { ...payload, failures: 0, hopeless: false }, runAt, uniqueKey, ifTaken };
  }
  if (kind !== "expiring") return { kind, payload, runAt };
  const life = random.between(SHORTEST_LIFE_MS, LONGEST_LIFE_MS);
  return { kind, payload, runAt, expiresAt: new Date((runAt?.getTime() ?? Date.now()) + life) };
}

function drawKind(mix: LoadPlan["mix"], random: Random): Kind {
  const total = Object.values(mix).reduce((sum, share) => sum + share, 0);
  return random.draw(mix, total) ?? "row";
}
