import { randomUUID } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { getJson } from "../../services/local/demo/evidence/get-json.ts";
import { endLeftovers } from "../../services/local/processes/leftovers.ts";
import { type PostgresServer, startPostgres } from "../../services/local/servers/postgres.ts";
import { type RabbitServer, startRabbit } from "../../services/local/servers/rabbitmq.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePortRow } from "../support/free-port-row.ts";
import { type LocalStack, makeStack } from "../support/local-stack.ts";
import { killAll, runFolder } from "../support/service-process.ts";
import {
  expectBookedOnce,
  expectPaidOnce,
  faultsLeft,
  mailsAbout,
  messagesTo,
  orderFault,
} from "./evidence.ts";
import { type Line, paymentLines, users, writeLines } from "./payment-lines.ts";
import { beginStory, notAtFirst, type Story } from "./story.ts";

/** Mails, and messages, whose answer is lost. */
const TWICE = 3;

const folder = join(runFolder, `servers-${randomUUID().slice(0, 8)}`);
let postgres: PostgresServer;
let rabbit: RabbitServer;
let stack: LocalStack;
let startPostgresAgain: () => Promise<PostgresServer>;
let startRabbitAgain: () => Promise<RabbitServer>;

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  const { ports } = await findFreePortRow();
  const common = { password: randomUUID(), onProgress: () => undefined, stackDir: folder };
  startPostgresAgain = () =>
    startPostgres({ ...common, dataDir: join(folder, "postgres"), port: ports.postgres });
  // Disposable: it is killed, as in a crash, and has its data when it comes back.
  startRabbitAgain = () =>
    startRabbit({ ...common, dataDir: join(folder, "rabbitmq"), ports, user: "duly", disposable: true });
  const startingRabbit = startRabbitAgain();
  postgres = await startPostgresAgain();
  // The services may start before their broker: they are ready once it is.
  stack = await makeStack({
    databaseUrl: postgres.url,
    amqpUrl: `amqp://duly:${common.password}@127.0.0.1:${ports.amqp}`,
    rabbitmqUrl: `http://127.0.0.1:${ports.management}`,
  });
  [rabbit] = await Promise.all([startingRabbit, stack.start()]);
});
afterAll(async () => {
  try {
    await stack.remove();
    await killAll();
  } finally {
    await endLeftovers(folder, 0); // both servers, also when they did not come up
    rmSync(folder, { recursive: true, force: true });
  }
});

test("each service but payments killed in the middle of its work: all jobs end, nothing is done twice that is kept once", async () => {
  const { mailUrl, chatUrl } = stack.read();
  const dead = new Map<string, number>();
  const killedAtWork = [
    { name: "notifications", url: mailUrl },
    { name: "messages", url: chatUrl },
  ].map(async ({ name, url }) => {
    // Killed between the effect and its answer: what was sent is sent again.
    await orderFault(url, { kind: "timeout-after-effect", count: TWICE });
    await eventually(`${name} to wait for answers`, async () => (await faultsLeft(url)) === 0, 30_000);
    const pid = stack.kill(name);
    dead.set(name, pid);
    // Its jobs are anybody's once it has been silent for 30 s, which need not be waited for here.
    await sql`update duly.consumers set seen_at = seen_at - interval '1 minute' where pid = ${pid}`.execute(
      stack.db,
    );
  });
  const work = await giveWork(40);
  await Promise.all(killedAtWork);
  for (const name of ["scheduler", "relay", "reports", "dead-letters"]) {
    const ended = await count(work.story, "completed");
    await eventually("the work to go on", async () => (await count(work.story, "completed")) > ended);
    dead.set(name, stack.kill(name));
  }
  const body = `put by hand ${randomUUID()}`;
  await putByHand("duly.rejected", body);
  await Promise.all([...dead].map(([name, pid]) => stack.isBack(name, pid)));
  const jobs = await work.ends();
  expect(jobs.filter(({ state }) => state !== "completed")).toEqual([]);
  await expectPaidOnce(stack.db, stack.read(), work.lines);
  await expectBookedOnce(stack.db, work.lines);
  const twice = await expectTold(work, jobs);
  expect(twice.mails).toBeGreaterThanOrEqual(TWICE);
  expect(twice.messages).toBeGreaterThanOrEqual(TWICE);
  const letters = await eventually("the letter", async () => {
    const found = await sql<{ reason: string }>`
      select reason from duly.dead_letters where convert_from(body, 'UTF8') = ${body}
    `.execute(stack.db);
    return found.rows.length > 0 && found.rows;
  });
  expect(letters).toEqual([{ reason: "rejected_by_broker" }]);
});

test("PostgreSQL restarts under work: no service ends, and every job ends at its first attempt", async () => {
  const before = stack.read().processes;
  const work = await giveWork(20);
  await eventually("payments to be at work", async () => (await running("payments")) > 0);
  await postgres.stop();
  postgres = await startPostgresAgain();
  const jobs = await work.ends();
  expect(notAtFirst(jobs)).toEqual([]);
  expect(stack.read().processes).toEqual(before);
  await expectPaidOnce(stack.db, stack.read(), work.lines);
  await expectBookedOnce(stack.db, work.lines);
  await expectTold(work, jobs);
});

test("what is committed while RabbitMQ is dead runs when it is back, and nobody ended meanwhile", async () => {
  const before = stack.read().processes;
  const under = await giveWork(10);
  await eventually("payments to be at work", async () => (await running("payments")) > 0);
  await rabbit.stop();
  const during = await giveWork(5);
  rabbit = await startRabbitAgain();
  for (const work of [under, during]) {
    const jobs = await work.ends();
    expect(notAtFirst(jobs)).toEqual([]);
    await expectPaidOnce(stack.db, stack.read(), work.lines);
    await expectBookedOnce(stack.db, work.lines);
    await expectTold(work, jobs);
  }
  expect(stack.read().processes).toEqual(before);
});

interface Work {
  readonly story: Story;
  readonly lines: readonly Line[];
  readonly texts: readonly string[];
  readonly ends: () => ReturnType<Story["ends"]>;
}

/** Has payments, one-time codes, messages and a report done, within a few seconds from now. */
async function giveWork(payments: number): Promise<Work> {
  const story = beginStory(stack.db);
  const lines = paymentLines(payments, {
    scheduledFor: (place) => (place % 2 === 0 ? "" : `+${place % 5}s`),
  });
  const texts = Array.from({ length: payments / 5 }, (_, place) => `${story.correlationId} ${place}`);
  const list = join(folder, `messages-${story.correlationId}.json`);
  writeFileSync(list, JSON.stringify(texts.map((text) => ({ to: users[0]?.phone, text }))));
  const under = ["--correlation", story.correlationId];
  const finished = await Promise.all([
    stack.duly("import", "payments", writeLines(folder, lines), ...under),
    stack.duly("send", "otp", ...users.slice(0, 5).map(({ email }) => email), ...under),
    stack.duly("send", "message", "--file", list, ...under),
    stack.duly("request", "report", "--last", "1h", ...under),
  ]);
  expect(finished.filter(({ code }) => code !== 0)).toEqual([]);
  const counts = {
    "payment.execute": lines.length,
    "email.payment-notice": lines.length,
    "transaction.record": lines.length,
    "email.otp": 5,
    "message.send": texts.length,
    "report.transactions": 1,
  };
  return { story, lines, texts, ends: () => story.ends(counts) };
}

/** Holds that every mail and message arrived, a repeated one under the same key; tells how many were repeated. */
async function expectTold({ lines, texts }: Work, jobs: Awaited<ReturnType<Story["ends"]>>) {
  const { mailUrl, chatUrl } = stack.read();
  const wanted = jobs.filter(({ type }) => type.startsWith("email.")).map(({ id }) => `<${id}.1@duly.test>`);
  const ids = new Set(jobs.map(({ id }) => id));
  const mails = (await mailsAbout(mailUrl, ""))
    .map(({ messageId }) => messageId)
    .filter((messageId) => ids.has(messageId.slice(1, 37)));
  expect(wanted).toHaveLength(lines.length + 5);
  expect([...new Set(mails)].sort()).toEqual(wanted.sort());

  const arrived = (await messagesTo(chatUrl, users[0]?.phone ?? "")).filter(({ text }) =>
    texts.includes(text),
  );
  const keyed = new Set(arrived.map(({ text, callbackData }) => JSON.stringify([text, callbackData])));
  expect(keyed.size).toBe(texts.length);
  expect(new Set(arrived.map(({ text }) => text)).size).toBe(texts.length);
  return { mails: mails.length - wanted.length, messages: arrived.length - texts.length };
}

async function running(service: string): Promise<number> {
  const { rows } = await sql`
    select from duly.jobs where service = ${service} and state = 'running'
  `.execute(stack.db);
  return rows.length;
}

async function count(story: Story, state: string): Promise<number> {
  return (await story.jobs()).filter((job) => job.state === state).length;
}

/** Puts a message on a queue, as a person can in RabbitMQ's UI. */
async function putByHand(queue: string, body: string): Promise<void> {
  const login = Buffer.from(`${rabbit.user}:${rabbit.password}`).toString("base64");
  const url = new URL("/api/exchanges/%2F/amq.default/publish", rabbit.managementUrl);
  const published = await getJson(url, z.object({ routed: z.literal(true) }), {
    method: "POST",
    headers: { authorization: `Basic ${login}`, "content-type": "application/json" },
    body: JSON.stringify({ routing_key: queue, payload: body, payload_encoding: "string", properties: {} }),
  });
  expect(published.routed).toBe(true);
}
