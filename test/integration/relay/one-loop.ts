import { randomUUID } from "node:crypto";
import { type Channel, type ConfirmChannel, connect } from "amqplib";
import { Bell } from "#shared/time/bell.ts";
import { Alarm } from "../../../services/relay/alarm.ts";
import { Outlet } from "../../../services/relay/outlet.ts";
import { type LoopOptions, relayLoop } from "../../../services/relay/relay-loop.ts";
import type { Engine } from "../../support/engine.ts";
import { watchedLog } from "../../support/watched-log.ts";

/** One loop of the relay, on a real connection of its own. */
export interface OneLoop {
  /** How many channels it has opened. */
  readonly channels: () => number;
  readonly stop: () => Promise<void>;
}

/**
 * Starts one loop of the relay; each channel that it opens goes through `change` first, and those by which it finds out
 * whether the broker lives through `onQuestion`.
 */
export async function startOneLoop(
  engine: Engine,
  terms: Pick<LoopOptions, "lanes" | "confirmMs">,
  change: (channel: ConfirmChannel) => ConfirmChannel,
  onQuestion: (channel: Channel) => void = () => undefined,
): Promise<OneLoop> {
  let channels = 0;
  const end = new AbortController();
  const connection = await connect(engine.broker.url);
  const open = connection.createConfirmChannel.bind(connection);
  connection.createConfirmChannel = async () => {
    channels += 1;
    return change(await open());
  };
  const question = connection.createChannel.bind(connection);
  connection.createChannel = async () => {
    const channel = await question();
    onQuestion(channel);
    return channel;
  };
  const loop = relayLoop({
    ...terms,
    name: "jobs",
    instance: randomUUID(),
    db: engine.db,
    connection,
    alarm: new Alarm(connection),
    outlet: new Outlet(),
    bell: new Bell(),
    window: 100,
    log: watchedLog("relay"),
    end: end.signal,
    onMissing: () => undefined,
  });
  const stop = async () => {
    end.abort();
    await loop;
    await connection.close();
  };
  return { channels: () => channels, stop };
}
