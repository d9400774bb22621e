import { setTimeout as sleep } from "node:timers/promises";
import type { ConfirmChannel, ConsumeMessage } from "amqplib";
import { HEADER } from "#shared/broker/headers.ts";
import { deadLetterQueue } from "#shared/broker/names.ts";
import type { Round } from "../scenario.ts";
import type { Kind } from "../service/kinds.ts";
import { commitJobs } from "../world/load.ts";
import { mend, openLettersOf } from "../world/notebook.ts";
import { until } from "../world/wait.ts";

/** Neither in an order that they would come too late for, nor of those that may become a second letter in doubt. */
const REPLAYED: readonly Kind[] = ["row", "group", "critical", "keyed", "closing"];
const EVERY_MS = 300;
const TWICE_SHARE = 0.2;
/** A copy that was lost on its queue, by another hand, is moved there again. */
const AGAIN_AFTER_MS = 5_000;
const CLOSED_WITHIN_MS = 60_000;

/** The parked copy of a letter whose job is to run again. */
interface Copy {
  readonly letter: string;
  readonly origin: string;
  readonly message: ConsumeMessage;
  readonly movedAt: number;
}

/**
 * A person who mends what hopeless jobs of the round fail of and moves their parked copies back to the work queues, now
 * and then twice, as RabbitMQ's "Move messages" does; adds some hopeless jobs, so that there are always letters. Ends
 * after `end`, once the letters of all that was moved are closed. The copies of others go back to the parked queue then.
 */
export async function replayLetters(round: Round, end: AbortSignal): Promise<void> {
  const connection = await round.world.broker.connect();
  try {
    const channel = await connection.createConfirmChannel();
    const arrived: ConsumeMessage[] = [];
    await channel.consume(deadLetterQueue("lab"), (message) => {
      if (message !== null) arrived.push(message);
    });
    const moved = new Map<string, Copy>();
    const work = async () => {
      for (const message of arrived.splice(0)) {
        const copy = await mended(round, message);
        if (copy === undefined) continue;
        for (let times = round.random.chance(TWICE_SHARE) ? 2 : 1; times > 0; times -= 1)
          await move(channel, copy);
        channel.ack(message);
        moved.set(copy.letter, copy);
        round.did("letter replayed");
      }
      const open = await openLettersOf(round.world.db, [...moved.keys()]);
      for (const copy of moved.values()) {
        if (!open.has(copy.letter)) moved.delete(copy.letter);
        else if (Date.now() - copy.movedAt > AGAIN_AFTER_MS) {
          await move(channel, copy);
          moved.set(copy.letter, { ...copy, movedAt: Date.now() });
        }
      }
      return moved.size === 0;
    };
    for (; !end.aborted; await sleep(EVERY_MS)) {
      await addHopeless(round);
      await work();
    }
    await until(work, CLOSED_WITHIN_MS);
  } finally {
    await connection.close();
  }
}

async function addHopeless({ world, name, random }: Round): Promise<void> {
  const kind = REPLAYED[random.between(0, REPLAYED.length - 1)] ?? "row";
  const payload = { round: name, failures: 0, hopeless: true, delayMs: 0 };
  await commitJobs(world.db, name, [{ kind, payload }]);
}

async function mended({ world, name }: Round, message: ConsumeMessage): Promise<Copy | undefined> {
  const headers: Readonly<Record<string, unknown>> = message.properties.headers ?? {};
  const { [HEADER.letter]: letter, [HEADER.job]: job, [HEADER.origin]: origin } = headers;
  if (typeof letter !== "string" || typeof job !== "string" || typeof origin !== "string") return undefined;
  if (!(await mend(world.db, { job, round: name, kinds: REPLAYED }))) return undefined;
  return { letter, origin, message, movedAt: Date.now() };
}

async function move(channel: ConfirmChannel, { origin, message }: Copy): Promise<void> {
  channel.sendToQueue(origin, message.content, message.properties);
  await channel.waitForConfirms();
}
