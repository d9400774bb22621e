import { connect } from "amqplib";
import { expect, test } from "vitest";
import { z } from "zod";
import { declareTopology } from "#shared/broker/topology.ts";
import { defineJob, enqueue } from "#shared/index.ts";
import { readTopology } from "#shared/jobs/read-topology.ts";
import { register } from "#shared/jobs/register.ts";
import { useEngine } from "../../support/engine.ts";
import { management } from "../../support/virtual-host.ts";
import { said } from "../../support/watched-log.ts";

const engine = useEngine();
const Job = defineJob("test.refused", { payload: z.object({}), priority: "high" });

test("a queue of the same name with other arguments makes the relay refuse, and is left as it is", async () => {
  const { broker, db } = engine;
  const queue = `/api/queues/${broker.name}/dog.high`;
  await management("PUT", queue, { durable: true, arguments: { "x-queue-type": "classic" } });
  await register(db, "dog", [Job], []);
  const id = await enqueue(db, Job, {});

  const connection = await connect(broker.url);
  const channel = await connection.createChannel();
  const told = Promise.withResolvers<string>();
  channel.on("error", (error: Error) => told.resolve(error.message));
  await expect(declareTopology(channel, await readTopology(db))).rejects.toThrow(/PRECONDITION_FAILED/);
  expect(await told.promise).toMatch(/inequivalent arg '[^']+' for queue 'dog\.high'/);
  await connection.close();
  expect(await management("GET", queue)).toMatchObject({ arguments: { "x-queue-type": "classic" } });

  // As long as it stands nothing is published, and when it is gone the relay goes on by itself.
  const refusal = said(/has something of the same name with other arguments/);
  const relay = engine.startRelay();
  expect(await Promise.race([relay, refusal.then(() => "refuses")])).toBe("refuses");
  await management("DELETE", queue);
  await relay;
  await expect.poll(() => broker.count("dog.high"), { timeout: 10_000 }).toBe(1);
  expect((await broker.takeAll("dog.high"))[0]?.properties.messageId).toBe(id);
});
