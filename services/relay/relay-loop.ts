import { closeWithin } from "#shared/broker/close-within.ts";
import type { BrokerConnection } from "#shared/broker/hold-connection.ts";
import { crashPoint } from "#shared/config/crash-point.ts";
import type { Database } from "#shared/database/database.ts";
import type { Logger } from "#shared/log/logger.ts";
import { fallAsleep, wakeUp } from "#shared/outbox/fall-asleep.ts";
import type { Lane } from "#shared/outbox/lanes.ts";
import { LowWater } from "#shared/outbox/low-water.ts";
import type { Bell } from "#shared/time/bell.ts";
import { orAborted } from "#shared/time/or-aborted.ts";
import { pause } from "#shared/time/pause.ts";
import type { Alarm } from "./alarm.ts";
import { ChannelKeeper } from "./channel-keeper.ts";
import type { Outlet } from "./outlet.ts";
import { type BatchResult, relayBatch } from "./relay-batch.ts";
import { SilentRoutes } from "./silent-routes.ts";

export interface LoopOptions {
  readonly name: string;
  /** Most urgent first. */
  readonly lanes: readonly Lane[];
  readonly instance: string;
  readonly db: Database;
  readonly connection: BrokerConnection;
  readonly alarm: Alarm;
  readonly outlet: Outlet;
  readonly bell: Bell;
  /** Called when an exchange is not there: somebody deleted it. */
  readonly onMissing: () => void;
  readonly window: number;
  readonly confirmMs: number;
  readonly log: Logger;
  readonly end: AbortSignal;
}

const BACKSTOP_MS = 250;
const REFRESH_MS = 20_000;
/** As many batches in a row that found work, and nobody needs to ring any more. */
const BUSY_AFTER = 3;
/** How long a broker may take to answer when it is asked whether it lives. */
const LONGEST_ANSWER_MS = 2_000;

/**
 * Empties some lanes of the outbox over a channel of its own until `end`.
 *
 * Asleep it is rung for each new row; busy it looks by itself. A transaction that asked "does it sleep?" just before it
 * fell asleep rings nobody: the looks after falling asleep, 5 ms and then ever longer apart up to 250 ms, find its row.
 */
export async function relayLoop(options: LoopOptions): Promise<void> {
  const { end, bell, log } = options;
  const marks = new Map(options.lanes.map((lane) => [lane, new LowWater()]));
  const channels = new ChannelKeeper(options.connection, log);
  const routes = new SilentRoutes();
  await wakeUp(options.db, options.instance, options.name); // what an earlier connection may have left
  let wroteDownAt = Number.NEGATIVE_INFINITY;
  let busy = 0;
  let quiet = 0;
  while (!end.aborted) {
    const found = await emptyOnce(options, marks, channels, routes).catch((error: unknown) => {
      if (end.aborted) return 0; // what it waited for will not come any more
      throw error;
    });
    if (end.aborted) break;
    if (found > 0) {
      busy += 1;
      quiet = 0;
      if (busy === BUSY_AFTER && wroteDownAt > 0) {
        await wakeUp(options.db, options.instance, options.name);
        wroteDownAt = Number.NEGATIVE_INFINITY;
      }
      continue;
    }
    busy = 0;
    if (Date.now() - wroteDownAt > REFRESH_MS) {
      await fallAsleep(options.db, options.instance, options.name, options.lanes);
      wroteDownAt = Date.now();
      continue; // the last look
    }
    const rang = await bell.wait(Math.min(BACKSTOP_MS, 5 * 2 ** Math.min(quiet, 10)), end);
    quiet = rang ? 0 : quiet + 1;
  }
  await wakeUp(options.db, options.instance, options.name).catch((error: unknown) =>
    log.warn({ err: error }, "could not be struck out of the sleepers; it is forgotten after a minute"),
  );
  log.debug({ loop: options.name }, "the loop ended");
}

async function emptyOnce(
  options: LoopOptions,
  marks: ReadonlyMap<Lane, LowWater>,
  channels: ChannelKeeper,
  routes: SilentRoutes,
): Promise<number> {
  const { db, window, confirmMs, alarm, outlet, end, log } = options;
  if (alarm.signal.aborted) outlet.shut();
  await alarm.isOver(end);
  const now = Date.now();
  if (!end.aborted && !routes.areAny(now)) outlet.open();
  const looks = [...marks].map(([lane, mark]) => ({ lane, above: mark.above(now) }));
  const channel = await orAborted(channels.current(), end);
  const result = await relayBatch({
    db,
    channel,
    looks,
    window: channels.suspicious ? 1 : window,
    confirmMs,
    giveUp: alarm.signal,
    routes,
    refusal: () => channels.refusal,
    log,
  });
  crashPoint("relay.committed");
  if (channels.refusal?.forGood === false) options.onMissing();
  if (result.unconfirmed.length > 0) {
    outlet.shut();
    for (const mark of marks.values()) mark.reset();
    await afterSilence(options, result, channels, routes);
    return 0;
  }
  channels.sent(result.rows.length);
  for (const row of result.rows) marks.get(row.lane)?.reached(row.id, now);
  return result.rows.length;
}

// Who did not answer? The broker takes nothing for now, or has closed the channel, or is silent, or only some queues are.
async function afterSilence(
  options: LoopOptions,
  { rows, unconfirmed, answered }: BatchResult,
  channels: ChannelKeeper,
  routes: SilentRoutes,
): Promise<void> {
  const { name, alarm, confirmMs, end, log } = options;
  if (alarm.signal.aborted) return; // they go out when it is over
  const loop = { loop: name, rows: unconfirmed.length };
  log.warn(loop, "the broker did not confirm; publishing these again");
  if (!channels.isOpen) {
    channels.suspect(rows.length);
    return pause(100, end);
  }
  // End the connection, or what was never taken would pile up in its buffers.
  if (!answered && !(await answers(options, Math.min(confirmMs, LONGEST_ANSWER_MS))))
    throw new Error(`RabbitMQ confirmed nothing within ${confirmMs} ms`);
  routes.areSilent(unconfirmed, Date.now());
  log.warn({ ...loop, routes: routes.names }, "some queues confirm nothing; the others go on");
  await channels.renew(end);
}

/** Whether the broker answers at all: a channel is opened by itself, without any queue. */
async function answers({ connection, end, log }: LoopOptions, withinMs: number): Promise<boolean> {
  const late = AbortSignal.any([AbortSignal.timeout(withinMs), end]);
  try {
    const channel = await orAborted(connection.createChannel(), late);
    channel.on("error", (error) => log.debug({ err: error }, "RabbitMQ closed the channel of a question"));
    await closeWithin(channel, end, log);
    return true;
  } catch (error) {
    if (late.aborted) return false;
    throw error;
  }
}
