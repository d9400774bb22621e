import { setTimeout as sleep } from "node:timers/promises";
import type { ChannelModel } from "amqplib";
import { deadLetterQueue, UNCLAIMED_QUEUE, workQueue } from "#shared/broker/names.ts";
import { enqueue } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import type { Round, Scenario } from "../scenario.ts";
import { KINDS } from "../service/kinds.ts";
import type { BrokerAdmin } from "../world/broker-admin.ts";
import { until } from "../world/wait.ts";
import { carryOut, planKills, wanted } from "./kill-plan.ts";
import { judgeStrays, madeStray, STRAYS, type Stray, StrayJob } from "./strays.ts";

const ROUNDS = 5;
const KILLS = { each: 10, atRandom: 4 };
/** Of consumers, which make letters of what lies in their own queues. */
const CONSUMER_KILLS = { each: 40, atRandom: 0 };
/** Longer than a heartbeat may be away, and than RabbitMQ waits for one of its own. */
const ASLEEP_MS = 45_000;
const STOPS_WITHIN_MS = 40_000;
const EVERY_MS = 100;
const QUEUE_WITHIN_MS = 60_000;
const WORK = Object.values(KINDS).map(({ priority }) => workQueue("lab", priority));
const STRAY_WORK = workQueue(STRAYS, StrayJob.priority);

/**
 * Messages that nobody can run, put on the queues of the laboratory's service, which makes letters of them, and of a
 * service without processes, where a stranger takes everything and rejects it; the recorder, which makes letters of
 * that, is killed.
 */
export const recorderKills: Scenario = {
  name: "recorder-kills",
  what:
    `garbage, unknown types, invalid payloads and messages that a stranger rejects; SIGKILL of consumers that have ` +
    `buried one: ${ROUNDS * CONSUMER_KILLS.each}, of the recorder: ` +
    `${ROUNDS * KILLS.each} when it has recorded, ${ROUNDS * KILLS.atRandom} at random; SIGSTOP of it for ` +
    `${ASLEEP_MS / 1000} s, ${ROUNDS} times`,
  rounds: ROUNDS,
  wants: {
    ...wanted([{ at: "recorder.recorded" }], KILLS, ROUNDS),
    ...wanted([{ at: "consumer.buried" }], CONSUMER_KILLS, ROUNDS),
    "recorder.recorded frozen": ROUNDS,
  },
  load: { perSecond: 50 },
  inject: async (round) => {
    const { world, quick, random } = round;
    await register(world.db, STRAYS, [StrayJob], []);
    const connection = await world.broker.connect();
    await isThere(round, STRAY_WORK);
    const end = new AbortController();
    const strays: Stray[] = [];
    await rejectAll(connection, round);
    const giving = give(round, connection, strays, end.signal);
    const plan = planKills(
      [{ at: "recorder.recorded", mostPasses: quick ? 1 : 5 }],
      quick ? { each: 1, atRandom: 1 } : KILLS,
      random,
    );
    const buriers = planKills(
      [{ at: "consumer.buried", mostPasses: quick ? 1 : 3 }],
      quick ? { each: 1, atRandom: 0 } : CONSUMER_KILLS,
      random,
    );
    await Promise.all([
      carryOut(round, plan, world.processes.recorder),
      // The quick run freezes the first of them meanwhile.
      carryOut(round, buriers, world.processes.consumer.slice(quick ? 1 : 0)),
    ]);
    if (!quick) await freeze(round);
    end.abort();
    await giving;
    await connection.close();
    round.judges(async () => {
      // Takes what is left of them; the quick run may have stopped the broker since.
      const again = await world.broker.connect();
      await rejectAll(again, round);
      const verdict = await judgeStrays(round, strays, [
        deadLetterQueue("lab"),
        deadLetterQueue(STRAYS),
        UNCLAIMED_QUEUE,
      ]);
      await again.close();
      return verdict;
    });
  },
};

// It recorded and did not ack; the broker gives that to the next one, and the sleeper wakes up beside it.
async function freeze({ world, random, did, tell }: Round): Promise<void> {
  const [recorder] = world.processes.recorder;
  if (recorder === undefined) return;
  await recorder.kill(`recorder.recorded:${random.between(1, 5)}:SIGSTOP`);
  did("random");
  if (!(await recorder.stopsAtCrashPoint(STOPS_WITHIN_MS)))
    return tell(`${recorder.name} recorded nothing in ${STOPS_WITHIN_MS / 1000} s`);
  await sleep(ASLEEP_MS);
  recorder.thaw();
  did("recorder.recorded frozen");
}

async function isThere({ world }: Round, queue: string): Promise<void> {
  if (await until(() => answers(world.broker, queue), QUEUE_WITHIN_MS)) return;
  throw new Error(`no relay declared ${queue} within ${QUEUE_WITHIN_MS / 1000} s`);
}

// A quorum queue is listed before its process runs, and whoever consumes it then loses the whole connection (541).
async function answers(broker: BrokerAdmin, queue: string): Promise<boolean> {
  if (!(await broker.queues()).includes(queue)) return false;
  const connection = await broker.connect();
  const isBroken = new Promise<boolean>((resolve) => {
    connection.on("error", () => resolve(false));
  });
  const isRead = (async () => {
    const channel = await connection.createChannel();
    await channel.get(queue, { noAck: false });
    await connection.close(); // what it was given goes back
    return true;
  })().catch(() => false);
  return Promise.race([isBroken, isRead]);
}

async function rejectAll(connection: ChannelModel, round: Round): Promise<void> {
  const channel = await connection.createChannel();
  await channel.consume(STRAY_WORK, (message) => {
    if (message === null) return;
    channel.nack(message, false, false);
    round.did("message rejected by a stranger");
  });
}

async function give(
  round: Round,
  connection: ChannelModel,
  strays: Stray[],
  end: AbortSignal,
): Promise<void> {
  const { world, name, random } = round;
  const channel = await connection.createConfirmChannel();
  for (; !end.aborted; await sleep(EVERY_MS)) {
    const rejected = madeStray(random, STRAYS);
    const refused = madeStray(random, "lab");
    channel.sendToQueue(STRAY_WORK, rejected.body, { type: rejected.type, persistent: true });
    const queue = WORK[random.between(0, WORK.length - 1)] ?? STRAY_WORK;
    channel.sendToQueue(queue, refused.body, { type: refused.type, persistent: true });
    await channel.waitForConfirms();
    round.did("unfit message");
    const job = await enqueue(world.db, StrayJob, { round: name });
    strays.push(rejected, refused, {
      job,
      body: undefined,
      type: StrayJob.type,
      reason: "rejected_by_broker",
    });
  }
  await channel.close();
}
