import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { endLeftovers } from "../../services/local/processes/leftovers.ts";
import { checkPorts, type Ports } from "../../services/local/stack/ports.ts";
import { eventually } from "../support/eventually.ts";
import { type LocalStack, makeStackOnTestServers } from "../support/local-stack.ts";
import { runFile } from "../support/run-file.ts";
import { killAll, startProcess } from "../support/service-process.ts";
import { management } from "../support/virtual-host.ts";
import { expectBookedOnce, expectPaidOnce, mailsAbout } from "./evidence.ts";
import { paymentLines, users, writeLines } from "./payment-lines.ts";
import { beginStory, countByType, notAtFirst } from "./story.ts";

const REFUSED_RECIPIENT = "0x000000000000000000000000000000000000dEaD";
const SERVICES = ["relay", "scheduler", "dead-letters", "payments", "notifications", "messages", "reports"];
const OUTSIDE = ["chain", "mailbox", "chat", "cards"];
let stack: LocalStack;

beforeAll(async () => {
  stack = await makeStackOnTestServers();
});
// One stack serves them all; the one that stops it leaves it to the next to start it again.
beforeEach(async () => {
  await stack.start();
});
afterAll(async () => {
  await stack.remove();
  await killAll();
});

test("a payment of a file becomes one transfer, one row, one event, one mail and one line in the books", async () => {
  const { db } = stack;
  const story = beginStory(db);
  const lines = paymentLines(1);
  const [line] = lines;
  const file = writeLines(stack.folder, lines);
  const imported = await stack.duly("import", "payments", file, "--correlation", story.correlationId);
  expect(imported).toMatchObject({ code: 0, out: expect.stringContaining("1 lines: 1 imported") as string });

  const counts = { "payment.execute": 1, "email.payment-notice": 1, "transaction.record": 1 };
  const jobs = await story.ends(counts);
  expect(countByType(jobs)).toEqual(counts);
  expect(notAtFirst(jobs)).toEqual([]);

  const [transfer] = await expectPaidOnce(db, stack.read(), lines);
  await expectBookedOnce(db, lines);
  const { rows: events } = await sql`
    select type, data->>'reference' as reference, data->>'transactionHash' as hash from duly.events
    where correlation_id = ${story.correlationId}
  `.execute(db);
  expect(events).toEqual([
    { type: "payment.completed.v1", reference: line?.reference, hash: transfer?.hash },
  ]);

  const mails = await mailsAbout(stack.read().mailUrl, line?.reference ?? "");
  const notice = jobs.find(({ type }) => type === "email.payment-notice");
  expect(mails).toEqual([
    expect.objectContaining({
      messageId: `<${notice?.id}.1@duly.test>`,
      to: [users[0]?.email],
      subject: `Payment ${line?.reference} completed`,
      text: expect.stringContaining(transfer?.hash ?? "no transfer") as string,
    }),
  ]);
});

test("a payment that the token refuses is parked after one attempt, and its payer hears why", async () => {
  const { db } = stack;
  const story = beginStory(db);
  const lines = paymentLines(1).map((line) => ({ ...line, recipient: REFUSED_RECIPIENT }));
  const [line] = lines;
  const file = writeLines(stack.folder, lines);
  await stack.duly("import", "payments", file, "--correlation", story.correlationId);
  const jobs = await story.ends({
    "payment.execute": 1,
    "email.payment-notice": 1,
    "transaction.record": 1,
  });
  const payment = jobs.find(({ type }) => type === "payment.execute");
  expect(payment).toMatchObject({ state: "dead_lettered", attempt: 1 });

  const { rows: letters } = await sql`
    select reason, attempts, error->>'code' as code, closed_at from duly.dead_letters where job_id = ${payment?.id}
  `.execute(db);
  expect(letters).toEqual([
    { reason: "permanent_error", attempts: 1, code: "recipient_refused", closed_at: null },
  ]);
  const parked = await parkedIn("payments.dead-letters");
  expect(parked.filter((headers) => headers["duly-job"] === payment?.id)).toEqual([
    expect.objectContaining({ "duly-reason": "permanent_error" }),
  ]);

  const { rows: payments } = await sql`
    select p.state, p.transaction_hash, b.outcome, b.reason = p.failure_reason as "sameReason"
    from payments.payments p join reports.transactions b using (reference) where reference = ${line?.reference}
  `.execute(db);
  expect(payments).toEqual([
    { state: "failed", transaction_hash: null, outcome: "failed", sameReason: true },
  ]);
  expect(await mailsAbout(stack.read().mailUrl, line?.reference ?? "")).toEqual([
    expect.objectContaining({
      to: [users[0]?.email],
      subject: `Payment ${line?.reference} failed`,
      text: expect.stringContaining("refuses this recipient") as string,
    }),
  ]);
});

test("a payment by card whose answer is lost becomes one charge, and its payer hears of it", async () => {
  const { cardsUrl, mailUrl } = stack.read();
  const fault = JSON.stringify({ kind: "timeout-after-effect", delayMs: 0 });
  await fetch(new URL("/faults", cardsUrl), { method: "POST", body: fault });
  const story = beginStory(stack.db);
  const reference = randomUUID();
  const file = join(stack.folder, `${reference}.csv`);
  const header = "reference,payer,recipient,amount,currency,method,scheduled_for";
  writeFileSync(file, `${header}\n${reference},alice,shop:coffee,24.90,USD,card,\n`);
  await stack.duly("import", "payments", file, "--correlation", story.correlationId);
  const counts = { "payment.charge": 1, "email.payment-notice": 1, "transaction.record": 1 };
  expect(notAtFirst(await story.ends(counts))).toEqual([]);
  const answer = await (await fetch(new URL("/charges", cardsUrl))).json();
  expect((answer as { charges: { metadata: { reference: string } }[] }).charges).toEqual([
    expect.objectContaining({ paid: true, amount: 2490, currency: "usd" }),
  ]);
  expect(await mailsAbout(mailUrl, reference)).toEqual([
    expect.objectContaining({ text: expect.stringContaining("Card payment: pi_") as string }),
  ]);
});

test("stack.json is its owner's alone, and names every process and address of the running stack", async () => {
  const file = join(stack.folder, "stack.json");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const { processes, environment, ...found } = stack.read();
  expect(processes.map(({ name }) => name).sort()).toEqual([...OUTSIDE, ...SERVICES].sort());
  expect(processes.filter(({ pid }) => !isAlive(pid))).toEqual([]);
  expect(environment).toMatchObject({ DATABASE_URL: stack.env["DATABASE_URL"], CHAIN_URL: found.chainUrl });
  await Promise.all(
    [found.mailUrl, found.chatUrl, found.cardsUrl, found.rabbitmqUrl].map((url) => fetch(url)),
  );
  await Promise.all([found.smtpUrl, found.chainUrl, found.amqpUrl].map(connects));
});

test("a second npm start in the same folder is refused with a sentence that says what to do", async () => {
  const { pid } = await stack.start();
  const second = await runFile("services/local/main.ts", ["--no-demo"], stack.env);
  expect(second.code).toBe(1);
  expect(second.err).toContain(`Duly already runs here, as process ${pid}. Stop it with Ctrl-C`);
  expect(second.err).not.toMatch(/^ {4}at /m);
  expect(stack.read().processes.filter((each) => !isAlive(each.pid))).toEqual([]);
});

test("an unknown flag is refused with the usage before anything is started", async () => {
  const unused = join(stack.folder, "unused");
  onTestFinished(async () => {
    await endLeftovers(unused);
  });
  const env = { ...stack.env, DULY_DIR: unused };
  const refused = startProcess({ file: "services/local/main.ts", args: ["--fresher"], env });
  expect(await refused.ended).toEqual({ code: 2, signal: null });
  expect(refused.output()).toMatch(/^npm start: Unknown option '--fresher'/);
  expect(refused.output()).toContain("npm start -- --fresh ");
  expect(existsSync(unused)).toBe(false);
});

test("the next npm start ends what a killed one left behind; Ctrl-C drains it and leaves nothing", async () => {
  const killed = await stack.start();
  const left = stack.read().processes;
  await killed.kill();
  expect(left.filter(({ pid }) => !isAlive(pid))).toEqual([]);

  // As `npm start` does it: Ctrl-C then reaches the stack twice, from the terminal and from start.mjs.
  const next = await stack.start("services/local/start.mjs", "stack");
  expect(next.output()).toContain(`Ended ${left.length} processes that an earlier run left behind`);
  expect(left.filter(({ pid }) => isAlive(pid))).toEqual([]);

  const story = beginStory(stack.db);
  const lines = paymentLines(3);
  await stack.duly(
    "import",
    "payments",
    writeLines(stack.folder, lines),
    "--correlation",
    story.correlationId,
  );
  await eventually("the payments to run", async () =>
    (await story.jobs()).every(({ state }) => state === "running" || state === "completed"),
  );
  next.signalGroup("SIGINT");
  expect(await next.ended).toEqual({ code: 0, signal: null });
  expect(next.output()).toMatch(/Draining: .*\nStopped\.\n$/);
  const payments = (await story.jobs()).filter(({ type }) => type === "payment.execute");
  expect(notAtFirst(payments)).toEqual([]);
  expect(await endLeftovers(stack.folder)).toBe(0);
  await checkPorts(stack.ports, Object.keys(stack.ports) as (keyof Ports)[]);
  expect(readdirSync(stack.folder)).not.toContain("stack.json");
  expect(readdirSync(stack.folder)).not.toContain("lock");
});

/** The headers of the messages in a queue, which stay there. */
async function parkedIn(queue: string): Promise<Record<string, unknown>[]> {
  const vhost = new URL(stack.env["AMQP_URL"] ?? "").pathname.slice(1);
  const found = await management("POST", `/api/queues/${vhost}/${queue}/get`, {
    count: 100,
    ackmode: "ack_requeue_true",
    encoding: "auto",
  });
  return (found as { properties: { headers: Record<string, unknown> } }[]).map(
    ({ properties }) => properties.headers,
  );
}

async function connects(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.destroy();
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw error;
  }
}
