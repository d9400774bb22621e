import { sql } from "kysely";
import { beforeAll, beforeEach, expect, test } from "vitest";
import { ExecutePayment } from "#shared/contracts/payments.ts";
import { type ImportedBatch, importPayments } from "../../../services/payments/import/import-payments.ts";
import type { PaymentsTables } from "../../../services/payments/tables.ts";
import { serviceDatabase } from "../../support/service-database.ts";

const { db } = await serviceDatabase("payments", [ExecutePayment]);
const own = db.$extendTables<PaymentsTables>();
const HEADER = "reference,payer,recipient,amount,currency,method,scheduled_for,urgent";
const RECIPIENT = "0x000000000000000000000000000000000000dEaD";
const start = new Date("2030-01-01T00:00:00Z");
const correlationId = "3f0c1b1e-8d7e-4c7e-9a53-0d3f5b1f7a11";

beforeAll(async () => {
  const users = ["alice", "bob"].map((id, index) => ({ id, name: id, wallet_index: index + 1, address: id }));
  await own.insertInto("payments.users").values(users).execute();
  await own
    .insertInto("payments.tokens")
    .values({ symbol: "DUSD", address: RECIPIENT, decimals: 6, usd_rate: "1" })
    .execute();
});
beforeEach(async () => {
  await sql`delete from payments.payments`.execute(db);
  await sql`truncate duly.jobs, duly.outbox cascade`.execute(db);
});

async function* textOf(lines: readonly string[]): AsyncGenerator<string> {
  yield `${[HEADER, ...lines].join("\n")}\n`;
}

async function run(lines: readonly string[], batch = 100, from = start) {
  const tokens = new Map([["DUSD", { decimals: 6, usdRate: "1" }]]);
  const thresholds = { highAbove: "1000", lowBelow: "10" };
  const outcome = { imported: 0, skipped: 0, faults: [] as ImportedBatch["faults"][number][] };
  const currencies = new Map<string, never>();
  const options = { batch, correlationId, tokens, currencies, thresholds, start: from };
  for await (const { imported, skipped, faults } of importPayments(own, textOf(lines), options)) {
    outcome.imported += imported;
    outcome.skipped += skipped;
    outcome.faults.push(...faults);
  }
  return outcome;
}

const line = (reference: string, amount = "25", due = "", payer = "alice", urgent = "") =>
  `${reference},${payer},${RECIPIENT},${amount},DUSD,erc20,${due},${urgent}`;

async function jobs() {
  const { rows } = await sql<Record<string, unknown>>`
    select payment.reference, job.state, job.priority, job.run_at, job.correlation_id
    from payments.payments payment
    join duly.jobs job on job.id = payment.job_id and job.payload ->> 'paymentId' = payment.id::text
    order by payment.reference
  `.execute(db);
  return rows;
}

test("each line becomes a payment and its job, with due time, priority and correlation", async () => {
  const lines = [
    line("a", "1000.01"),
    line("b", "25", "+5s"),
    line("c", "9.99", "2031-01-01T01:00:00+01:00"),
    line("d", "9.99", "", "bob", "true"),
  ];
  expect(await run(lines, 2)).toEqual({ imported: 4, skipped: 0, faults: [] });
  const common = { correlation_id: correlationId };
  expect(await jobs()).toEqual([
    { ...common, reference: "a", state: "queued", priority: "high", run_at: null },
    {
      ...common,
      reference: "b",
      state: "scheduled",
      priority: "medium",
      run_at: new Date("2030-01-01T00:00:05Z"),
    },
    {
      ...common,
      reference: "c",
      state: "scheduled",
      priority: "low",
      run_at: new Date("2031-01-01T00:00:00Z"),
    },
    { ...common, reference: "d", state: "queued", priority: "high", run_at: null },
  ]);
});

test("a second run skips what is in, relative times included, and makes no further job", async () => {
  const lines = [line("a"), line("b", "25.0", "+5s"), line("c", "25", "2031-01-01T01:00:00+01:00")];
  await run(lines);
  const before = await jobs();
  const again = [line("a"), line("b", "25", "+5s"), line("c", "25", "2031-01-01T00:00:00Z"), line("d")];
  expect(await run(again, 100, new Date("2030-06-01T00:00:00Z"))).toEqual({
    imported: 1,
    skipped: 3,
    faults: [],
  });
  expect((await jobs()).slice(0, 3)).toEqual(before);
  expect(await sql`select from duly.jobs`.execute(db)).toMatchObject({ rows: { length: 4 } });
});

test.each([1, 100])(
  "a reference that comes again with other fields is that line's fault (batches of %d)",
  async (batch) => {
    const lines = [line("a"), line("a"), line("a", "26", "+1s"), line("b"), line("b", "25", "", "bob")];
    expect(await run(lines, batch)).toEqual({
      imported: 2,
      skipped: 1,
      faults: [
        { line: 4, reason: 'reference "a" is taken by a payment with another amount, scheduled_for' },
        { line: 6, reason: 'reference "b" is taken by a payment with another payer' },
      ],
    });
  },
);

test.each([1, 3, 100])(
  "bad lines are told in their order and stop no good one (batches of %d)",
  async (batch) => {
    const lines = [
      line("a"),
      line("b", "1e3"),
      line("c", "1", "", "zoe"),
      '"open,',
      line("d"),
      line("e", "1", "soon"),
    ];
    const { imported, faults } = await run(lines, batch);
    expect(imported).toBe(2);
    expect(faults.map(({ line: number }) => number)).toEqual([3, 4, 5, 7]);
    expect(faults[1]).toEqual({ line: 4, reason: 'payer "zoe" is not a known user' });
  },
);

test("the first of two lines with one reference wins only if it is good itself", async () => {
  expect(await run([line("a", "1", "", "zoe"), line("a")])).toMatchObject({
    imported: 1,
    faults: [{ line: 2 }],
  });
});

test("two imports of the same lines at once import each once", async () => {
  // In opposite orders and large batches: without an order of the inserts' own, each would wait for the other.
  const lines = Array.from({ length: 2_000 }, (_, index) => line(`r-${index}`));
  const outcomes = await Promise.all([run(lines, 2_000), run(lines.toReversed(), 2_000)]);
  expect(outcomes.reduce((sum, { imported }) => sum + imported, 0)).toBe(2_000);
  expect(outcomes.reduce((sum, { skipped }) => sum + skipped, 0)).toBe(2_000);
  expect(await jobs()).toHaveLength(2_000);
});

test("a header that cannot be used stops the import before anything is written", async () => {
  const tokens = new Map<string, never>();
  const thresholds = { highAbove: "1000", lowBelow: "10" };
  async function* text(body: string) {
    yield body;
  }
  const read = (body: string) =>
    importPayments(own, text(body), {
      batch: 10,
      correlationId,
      tokens,
      currencies: tokens,
      thresholds,
      start,
    }).next();
  await expect(read("payer,reference\nx,y\n")).rejects.toThrow(/missing: recipient, amount/);
  await expect(read("")).rejects.toThrow(/empty/);
  expect(await jobs()).toEqual([]);
});
