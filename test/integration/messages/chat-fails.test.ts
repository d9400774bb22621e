import { expect, test } from "vitest";
import { SendMessage } from "#shared/contracts/messages.ts";
import { chatClient } from "../../../services/messages/chat-client.ts";
import { messages } from "../../../services/messages/consumer.ts";
import { scheduleMessages } from "../../../services/messages/schedule-messages.ts";
import { eventually } from "../../support/eventually.ts";
import { allReach, gateOf, gateReaches, jobsOf, useGates } from "../gates/gate-world.ts";
import { accept, startChatServer } from "./chat-server.ts";

const { engine, advance } = useGates();

test("a chat API that fails shuts its gate: messages wait and spend no attempt, until one of them gets through", async () => {
  let works = false;
  const { url, asked } = await startChatServer((response) => {
    if (works) accept(response);
    else response.writeHead(500).end();
  });
  await engine.consume("messages", messages(chatClient({ url, token: "t", phoneId: "4711" })));
  await scheduleMessages(
    engine.db,
    Array.from({ length: 40 }, (_, place) => ({ to: "+15550000001", text: `message ${place}` })),
  );
  await gateReaches(engine, "breaker: chat", "shut");
  expect((await gateOf(engine, "breaker: chat"))?.reason).toMatch(/failed calls/);
  // Ten workers at once find out; all others are held, or left in a queue that nobody consumes until the probe is due.
  const waiting = await eventually("the calls to end, and the others to wait", async () => {
    const jobs = await jobsOf(engine, SendMessage.type);
    const isHeld = jobs.some((job) => job.waits_for === "breaker: chat");
    return isHeld && jobs.every(({ state }) => state !== "running") && jobs;
  });
  expect(waiting.filter((job) => job.attempt === 0).length).toBeGreaterThan(15);

  works = true;
  const before = asked.length;
  await advance(5_000);
  await allReach(engine, SendMessage.type, "completed");
  expect(asked).toHaveLength(before + 40);
});
