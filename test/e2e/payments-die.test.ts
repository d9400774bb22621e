import { randomInt } from "node:crypto";
import { sql } from "kysely";
import { createTestClient, http, publicActions } from "viem";
import { foundry } from "viem/chains";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { expectPaidOnce, transfersFor } from "./evidence.ts";
import { type Line, paymentLines, writeLines } from "./payment-lines.ts";
import { beginStory, notAtFirst } from "./story.ts";
import { usePayments } from "./use-payments.ts";

const { world, startPayments, afterTest } = usePayments();

// Not three times: a job that three processes died with runs alone, and forty alone take a block each.
test("payments killed twice among 40 payments makes each of them once, and leaves no gap of nonces", async () => {
  const { db } = world;
  const story = beginStory(db);
  const lines = paymentLines(40);
  let payments = await startPayments();
  await world.importFile(writeLines(world.folder, lines), story.correlationId);
  // A look at the table takes some milliseconds, in which it goes on: signing, sending, waiting, recording.
  const moments = Array.from({ length: 2 }, (_, kill) => kill * 18 + randomInt(1, 18));
  for (const moment of moments) {
    await eventually(`${moment} transfers`, async () => (await transfersStored(lines)) >= moment, 60_000);
    await payments.kill();
    payments = await startPayments();
  }
  const jobs = await story.ends({ "payment.execute": lines.length });
  expect(notAtFirst(jobs)).toEqual([]);
  await expectPaidOnce(db, world, lines);

  const { rows: payers } = await sql<{ payer: `0x${string}`; nonces: number[] }>`
    select payer, array_agg(nonce::integer order by nonce) as nonces from payments.transfers
    where state in ('signed', 'confirmed') group by payer
  `.execute(db);
  const used = await Promise.all(payers.map(({ payer }) => node().getTransactionCount({ address: payer })));
  expect(payers.map(({ nonces }) => nonces)).toEqual(used.map((count) => [...Array(count).keys()]));
});

test("SIGTERM lets a running payment come to its end: exit code 0, and the payment is recorded", async () => {
  const story = beginStory(world.db);
  const lines = paymentLines(1);
  const payments = await startPayments();
  await stopBlocks();
  await world.importFile(writeLines(world.folder, lines), story.correlationId);
  await transferIsUnderWay(lines);
  payments.signal("SIGTERM");
  await payments.says("stopping: finishing what is in hand");
  await makeBlocksEvery(1);
  expect(await payments.ended).toEqual({ code: 0, signal: null });
  // Nobody else could have done it since.
  expect(await story.jobs()).toEqual([expect.objectContaining({ state: "completed", attempt: 1 })]);
  await expectPaidOnce(world.db, world, lines);
});

test("a second SIGTERM ends a draining service at once, and its payment is still made once", async () => {
  const story = beginStory(world.db);
  const lines = paymentLines(1);
  const payments = await startPayments({ STOP_GRACE_MS: "60000" });
  await stopBlocks();
  await world.importFile(writeLines(world.folder, lines), story.correlationId);
  await transferIsUnderWay(lines);
  payments.signal("SIGTERM");
  await payments.says("stopping: finishing what is in hand");
  payments.signal("SIGTERM");
  expect(await payments.ended).toEqual({ code: 1, signal: null });
  expect(await story.jobs()).toEqual([expect.objectContaining({ state: "running" })]);

  await makeBlocksEvery(1);
  await startPayments();
  expect(notAtFirst(await story.ends({ "payment.execute": 1 }))).toEqual([]);
  await expectPaidOnce(world.db, world, lines);
});

test("payments wait for a chain that cannot be reached and spend no attempt; when it opens they are made", async () => {
  const { db } = world;
  const story = beginStory(db);
  const lines = paymentLines(5);
  await world.stopChain();
  afterTest(async () => {
    if (!(await chainAnswers())) await world.startChain();
  });
  await startPayments();
  await world.importFile(writeLines(world.folder, lines), story.correlationId);
  await eventually("every payment to be held", async () => {
    const jobs = await story.jobs();
    return jobs.length === lines.length && jobs.every(({ holds }) => holds > 0);
  });
  const held = await story.jobs();
  expect(held.map(({ attempt }) => attempt)).toEqual(lines.map(() => 0));
  expect(held).toContainEqual(
    expect.objectContaining({ state: "held", waitsFor: expect.stringContaining("chain") as string }),
  );
  expect(await transfersStored(lines)).toBe(0);

  await world.startChain();
  expect(notAtFirst(await story.ends({ "payment.execute": lines.length }))).toEqual([]);
  await expectPaidOnce(db, world, lines);
});

async function transfersStored(lines: readonly Line[]): Promise<number> {
  const { rows } = await sql`
    select from payments.transfers t join payments.payments p on p.id = t.payment_id
    where p.reference = any(${lines.map(({ reference }) => reference)})
  `.execute(world.db);
  return rows.length;
}

/** Until a transfer is in a block its payment does not end. */
async function stopBlocks(): Promise<void> {
  await makeBlocksEvery(0);
  afterTest(() => makeBlocksEvery(1));
}

async function transferIsUnderWay(lines: readonly Line[]): Promise<void> {
  await eventually("a transfer to be signed", async () => (await transfersStored(lines)) === lines.length);
  expect(await transfersFor(world.db, world, lines)).toEqual([]);
}

function node() {
  return createTestClient({
    mode: "anvil",
    chain: foundry,
    transport: http(world.chainUrl, { retryCount: 0 }),
    cacheTime: 0,
  }).extend(publicActions);
}

async function makeBlocksEvery(seconds: number): Promise<void> {
  await node().setIntervalMining({ interval: seconds });
}

async function chainAnswers(): Promise<boolean> {
  return node()
    .getChainId()
    .then(
      () => true,
      () => false,
    );
}
