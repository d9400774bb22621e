import { setTimeout as sleep } from "node:timers/promises";
import type { Channel, ChannelModel } from "amqplib";
import { sql } from "kysely";
import type { Round, Scenario } from "../scenario.ts";
import type { KeptProcess } from "../world/kept-process.ts";
import { commitJobs } from "../world/load.ts";
import { until } from "../world/wait.ts";

const ROUNDS = 5;
/** In each round, of schedulers. */
const DEATHS = 10;
const PURGES = 10;
const EVERY_MS = 10_000;
/** Of the purges one in so many finds the consumers dead: what came back three times would run alone, one by one. */
const DEAD_EVERY = 5;
/** How long whatever comes is purged; consumers that were killed before are up again only later. */
const PURGE_MS = 500;
/** Jobs that wait for their second attempt when the wait queues are purged. */
const RETRYING = 40;
const STOLEN = 10;
const STEAL_MS = 3_000;
const LOOK_MS = 20;
/** A straggler is believed after 140 s, one that was in a wait queue after 6 minutes more. */
const DEATHS_WITHIN_MS = 420_000;
const QUICK_DEATH_MS = 60_000;

/**
 * Messages are lost behind everybody's back: purged, sometimes while the consumers are dead, so that what these had in
 * hand is gone too, or acked by a stranger. Only the sweep can tell, and the schedulers die in it.
 */
export const purges: Scenario = {
  name: "purges",
  what:
    `work and wait queues purged, or their messages acked by a stranger, ${ROUNDS * PURGES} times; ` +
    `schedulers killed ${ROUNDS * DEATHS} times when the sweep has sent them again`,
  rounds: ROUNDS,
  wants: { "scheduler.swept": ROUNDS * DEATHS, "queues purged": ROUNDS * PURGES },
  patienceMs: 480_000,
  load: { perSecond: 80 },
  inject: async (round) => {
    const { world, quick } = round;
    const beganAt = new Date();
    const connection = await world.broker.connect();
    // The quick run kills the others meanwhile.
    const victims = quick ? world.processes.scheduler.slice(0, 1) : world.processes.scheduler;
    const wanted = { deaths: quick ? 1 : DEATHS };
    const dying = Promise.all(victims.map((victim) => dieSweeping(round, victim, wanted)));
    const queues = (await world.broker.queues()).filter((queue) =>
      /^lab\.(?!dead-letters|events)/.test(queue),
    );
    for (let times = 0; times < (quick ? 1 : PURGES); times += 1) {
      await steal(round, connection, queues);
      if (!quick) await purge(round, connection, queues, times % DEAD_EVERY === 0);
      if (!quick) await sleep(EVERY_MS);
    }
    await dying;
    await connection.close();
    if (!quick) round.judges(() => countSent(round, beganAt));
  },
};

// Another death is asked for as long as there are too few, in the one that is started after this death.
async function dieSweeping(round: Round, victim: KeptProcess, wanted: { deaths: number }): Promise<void> {
  await victim.kill("scheduler.swept:1");
  const end = Date.now() + (round.quick ? QUICK_DEATH_MS : DEATHS_WITHIN_MS);
  while (wanted.deaths > 0 && Date.now() < end) {
    const { generation } = victim;
    victim.arm("scheduler.swept:1");
    if (!(await victim.hasSuccessor(generation, 1000))) continue;
    wanted.deaths -= 1;
    round.did("scheduler.swept");
  }
  victim.arm(undefined);
}

async function purge(
  round: Round,
  connection: ChannelModel,
  queues: readonly string[],
  deadConsumers: boolean,
): Promise<void> {
  const { world, name } = round;
  const channel = await connection.createChannel();
  await commitJobs(
    world.db,
    name,
    Array.from({ length: RETRYING }, (_, place) => ({
      kind: place % 2 === 0 ? ("row" as const) : ("group" as const),
      payload: { round: name, failures: 1, hopeless: false, delayMs: 0 },
    })),
  );
  const waiting = queues.filter((queue) => queue.includes(".retry."));
  await until(async () => (await countAll(channel, waiting)) >= RETRYING / 2, STEAL_MS, LOOK_MS);
  if (deadConsumers) await Promise.all(world.processes.consumer.map((consumer) => consumer.kill()));
  round.did("queues purged");
  for (const end = Date.now() + PURGE_MS; Date.now() < end; ) {
    for (const queue of queues) {
      const { messageCount } = await channel.purgeQueue(queue);
      for (let message = 0; message < messageCount; message += 1) round.did("message purged");
    }
  }
  await channel.close();
}

// Takes its turn among the consumers.
async function steal(round: Round, connection: ChannelModel, queues: readonly string[]): Promise<void> {
  const channel = await connection.createChannel();
  let stolen = 0;
  await channel.prefetch(1);
  for (const queue of queues.filter((each) => !each.includes(".retry."))) {
    await channel.consume(queue, (message) => {
      // A foreign message without a job is lost when somebody acks it: it goes back with the channel.
      if (message === null || stolen >= STOLEN || message.properties.messageId === undefined) return;
      stolen += 1;
      channel.ack(message);
      round.did("message acked by a stranger");
    });
  }
  await until(async () => stolen >= STOLEN, STEAL_MS, LOOK_MS);
  await channel.close();
}

async function countAll(channel: Channel, queues: readonly string[]): Promise<number> {
  let count = 0;
  for (const queue of queues) count += (await channel.checkQueue(queue)).messageCount;
  return count;
}

async function countSent({ world, measured }: Round, since: Date): Promise<undefined> {
  const sent = await sql<{ jobs: number }>`
    select coalesce(sum(jobs), 0)::int as jobs from duly.repairs
    where kind = 'stragglers' and made_at >= ${since}`.execute(world.db);
  measured({ name: "sent again by the sweep", value: sent.rows[0]?.jobs ?? 0, unit: "jobs", least: PURGES });
}
