import { sql } from "kysely";
import { openDatabase } from "#shared/database/database.ts";
import { type Database, enqueue } from "#shared/index.ts";
import { createLogger } from "#shared/log/logger.ts";
import type { Round, Scenario } from "../scenario.ts";
import { KINDS } from "../service/kinds.ts";
import { countOpen } from "../world/notebook.ts";
import { until } from "../world/wait.ts";

const CONNECTIONS = 8;
const PAIRS = 6;
const PHASE_MS = 4_000;
const QUICK_PHASE_MS = 500;
const DRAIN_MS = 300_000;

/** Whoever enqueues does not notice that RabbitMQ is away: one job each in transactions, as many as go. */
export const enqueueWithoutBroker: Scenario = {
  name: "enqueue-without-broker",
  what: "commits of one job each by 8 connections at full speed, with RabbitMQ and without, in turn",
  rounds: 2,
  load: { perSecond: 5 },
  inject: async (round) => {
    const { servers, databaseName } = round.world;
    const address = new URL(servers.postgresUrl);
    address.pathname = `/${databaseName}`;
    const log = createLogger("faults", "fatal");
    const db = openDatabase({ url: address.href, name: "faults", connections: CONNECTIONS, log });
    const rates = { with: [] as number[], without: [] as number[] };
    for (let pair = 0; pair < (round.quick ? 1 : PAIRS); pair += 1) {
      const without = async () => {
        await servers.endRabbit("SIGTERM");
        round.did("RabbitMQ stopped");
        rates.without.push(await enqueueAll(db, round));
        await servers.startRabbit();
        await drained(round);
      };
      // Which comes first changes, for the tables grow meanwhile.
      if (pair % 2 === 1) await without();
      rates.with.push(await enqueueAll(db, round));
      await drained(round);
      if (pair % 2 === 0) await without();
    }
    await db.destroy();
    for (const [what, each] of Object.entries(rates))
      round.tell(`${what} RabbitMQ: ${each.map(Math.round).join(", ")} commits a second`);
    const [withBroker, without] = [median(rates.with), median(rates.without)];
    round.measured({ name: "committed with RabbitMQ", value: withBroker, unit: "jobs/s" });
    round.measured({ name: "committed without RabbitMQ", value: without, unit: "jobs/s" });
    round.measured({ name: "without ÷ with", value: without / withBroker, unit: "×", least: 0.95 });
  },
};

/** @returns commits per second. */
async function enqueueAll(db: Database, { name, quick }: Round): Promise<number> {
  const beganAt = performance.now();
  const end = beganAt + (quick ? QUICK_PHASE_MS : PHASE_MS);
  let committed = 0;
  const payload = { round: name, failures: 0, hopeless: false, delayMs: 0 };
  const work = async () => {
    while (performance.now() < end) {
      await db.transaction().execute(async (trx) => {
        const job = await enqueue(trx, KINDS.group, payload);
        await sql`insert into lab.committed (job, round, kind, failures, hopeless)
          values (${job}, ${name}, 'group', 0, false)`.execute(trx);
      });
      committed += 1;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  return committed / ((performance.now() - beganAt) / 1000);
}

// What an earlier phase left to do would slow the next one down; the usual load goes on.
async function drained({ world, name, quick }: Round): Promise<void> {
  if (!quick) await until(async () => (await countOpen(world.db, name)) < 20, DRAIN_MS);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
