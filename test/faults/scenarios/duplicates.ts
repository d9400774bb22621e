import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "amqplib";
import type { Scenario } from "../scenario.ts";

const SHARE = 0.1;
const LATEST_MS = 5000;
const QUEUE = "laboratory.tap";

/** A copy of one message in ten comes again, up to some seconds later and so in another order. */
export const duplicates: Scenario = {
  name: "duplicates",
  what: "10 % of all messages of jobs delivered twice, the second up to 5 s late and out of order",
  rounds: 5,
  load: { perSecond: 300 },
  inject: async (round) => {
    const connection = await connect(round.world.broker.url, {
      clientProperties: { connection_name: "faults" },
    });
    const channel = await connection.createChannel();
    await channel.assertQueue(QUEUE, { durable: false, autoDelete: true });
    await channel.bindQueue(QUEUE, "duly.jobs", "lab.#");
    const copying: Promise<void>[] = [];
    await channel.consume(
      QUEUE,
      (message) => {
        if (message === null || !round.random.chance(SHARE)) return;
        const afterMs = round.random.between(0, LATEST_MS);
        copying.push(
          sleep(afterMs).then(() => {
            const queue = message.fields.routingKey.split(".").slice(0, 2).join(".");
            channel.publish("", queue, message.content, message.properties);
            round.did("message delivered twice");
          }),
        );
      },
      { noAck: true },
    );
    await sleep(round.quick ? 10_000 : 60_000);
    await channel.unbindQueue(QUEUE, "duly.jobs", "lab.#");
    await Promise.all(copying);
    await connection.close();
  },
};
