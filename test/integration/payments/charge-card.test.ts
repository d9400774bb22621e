import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { beforeEach, describe, expect, test } from "vitest";
import { CardClient } from "../../../services/payments/cards/card-client.ts";
import { CardGateway } from "../../../services/payments/cards/card-gateway.ts";
import { bookCharge } from "../../../services/payments/ledger/book-charge.ts";
import { useChargesWorld } from "./charges-world.ts";

const world = useChargesWorld();
const DAY_MS = 24 * 3_600_000;

beforeEach(async () => {
  await world.clearFaults();
});

/** A payment of a payer of its own, and its job. */
async function charging(card?: string) {
  const paymentId = await world.payment(await world.payer(card));
  return { paymentId, jobId: await world.charge(paymentId) };
}

async function waitMs(jobId: string): Promise<number> {
  const { rows } = await sql<{ ms: number }>`
    select (extract(epoch from wake_at - duly.now()) * 1000)::float8 as ms from duly.jobs where id = ${jobId}
  `.execute(world.engine.db);
  return rows[0]?.ms ?? Number.NaN;
}

async function entriesOf(paymentId: string) {
  const { rows } = await sql<{ account: string; currency: string; amount: string }>`
    select account, currency, amount::text from payments.ledger_entries
    join payments.ledger_transactions on id = transaction_id where payment_id = ${paymentId} order by line
  `.execute(world.own);
  return rows;
}

const BOOKED = [
  { account: "cards:receivable", currency: "USD", amount: "2490" },
  { account: "payable:shop:coffee", currency: "USD", amount: "-2490" },
];

test("a charge is made, booked twice over and told once", async () => {
  const { paymentId, jobId } = await charging();
  expect(await world.engine.reaches(jobId, "completed")).toMatchObject({ attempt: 1, holds: 0 });
  expect(await world.chargesOf(paymentId)).toEqual({ tries: 1, paid: 1 });
  expect(await entriesOf(paymentId)).toEqual(BOOKED);
  const { rows } = await sql`
    select p.state, p.card_payment_id is not null as proven, e.type, e.data->>'amount' as amount,
      e.data->>'cardPaymentId' = p.card_payment_id as told
    from payments.payments p join duly.events e on e.subject = p.id::text where p.id = ${paymentId}
  `.execute(world.own);
  expect(rows).toEqual([
    { state: "completed", proven: true, type: "payment.completed.v1", amount: "24.90", told: true },
  ]);
});

describe("a charge whose answer says nothing of it is asked about, and made once", () => {
  test.each([
    ["no answer comes, the money is taken", { kind: "timeout-after-effect" }, 1],
    ["the connection is cut, nothing is done", { kind: "reset" }, 2],
    ["a gateway answers 503, the money is taken", { kind: "5xx", status: 503, effect: true }, 1],
    ["a gateway answers 502, nothing is done", { kind: "5xx", status: 502 }, 2],
    ["the API answers 500, the money is taken", { kind: "5xx", effect: true }, 2],
    ["it lands at the processor after nobody waits for it", { kind: "slow", delayMs: 1_500 }, 1],
  ])("%s", async (_what, fault, attempts) => {
    await world.order(fault);
    const { paymentId, jobId } = await charging();
    expect(await world.engine.reaches(jobId, "completed")).toMatchObject({ attempt: attempts });
    expect(await world.chargesOf(paymentId)).toEqual({ tries: 1, paid: 1 });
    expect(await entriesOf(paymentId)).toEqual(BOOKED);
  });

  test("a saved 500 with nothing done is not repeated for ever: the next attempt has a new key", async () => {
    await world.order({ kind: "5xx" });
    const { paymentId, jobId } = await charging();
    expect(await world.engine.reaches(jobId, "completed")).toMatchObject({ attempt: 2 });
    expect(await world.chargesOf(paymentId)).toEqual({ tries: 1, paid: 1 });
  });

  test("the processor cannot be asked for a while, and has forgotten the key by then", async () => {
    await world.order({ kind: "timeout-after-effect" });
    await world.order({ kind: "reset", on: ["retrieve"] });
    const { paymentId, jobId } = await charging();
    await world.engine.reaches(jobId, "held");
    await world.forgetKeys();
    expect(await world.engine.reaches(jobId, "completed")).toMatchObject({ attempt: 1, holds: 1 });
    expect(await world.chargesOf(paymentId)).toEqual({ tries: 1, paid: 1 });
  });

  test("opening the payment fails, which takes no money whatever the answer", async () => {
    await world.order({ kind: "5xx", on: ["create"], effect: true });
    const { paymentId, jobId } = await charging();
    expect(await world.engine.reaches(jobId, "completed")).toMatchObject({ attempt: 2 });
    expect(await world.chargesOf(paymentId)).toEqual({ tries: 1, paid: 1 });
  });
});

test("a holder that wakes up after its intent was closed takes no money", async () => {
  const paymentId = await world.payment(await world.payer());
  const [before, opened] = [await order(paymentId, 1), await order(paymentId, 2)];
  const { signal } = new AbortController();
  // It has not opened its payment yet: nothing that it opens later is adopted.
  expect(await world.gateway.find(before, world.own, signal)).toEqual({ effect: "none", closed: true });
  await expect(world.gateway.charge(before, world.own, signal)).rejects.toMatchObject({
    code: "intent_void",
  });
  // It has, and is about to confirm it.
  await world.order({ kind: "reset" });
  await expect(world.gateway.charge(opened, world.own, signal)).rejects.toThrow(/no whole answer/);
  const cardPaymentId = await storedCharge(paymentId);
  expect(await world.gateway.find(opened, world.own, signal)).toEqual({ effect: "none", closed: true });
  const late = world.client.confirm(cardPaymentId, opened.paymentMethod, opened.intentKey, signal);
  expect(await late).toEqual({ outcome: "settled" });
  expect(await world.chargesOf(paymentId)).toEqual({ tries: 0, paid: 0 });
  await world.gateway.charge(await order(paymentId, 3), world.own, signal);
  expect(await world.chargesOf(paymentId)).toEqual({ tries: 1, paid: 1 });
});

test("two jobs of one payment, at once, charge it once", async () => {
  const paymentId = await world.payment(await world.payer());
  await world.order({ kind: "slow", delayMs: 200 });
  const jobs = await Promise.all([world.charge(paymentId), world.charge(paymentId)]);
  for (const jobId of jobs) await world.engine.reaches(jobId, "completed");
  expect(await world.chargesOf(paymentId)).toEqual({ tries: 1, paid: 1 });
  expect(await entriesOf(paymentId)).toEqual(BOOKED);
});

describe("a declined card", () => {
  test.each([
    ["insufficient_funds", {}, DAY_MS],
    ["generic_decline", { networkAdviceCode: "26" }, 2 * DAY_MS],
  ])("%s %j is tried again when the networks allow it", async (code, advice, wait) => {
    await world.order({ kind: "decline", code, ...advice });
    const { paymentId, jobId } = await charging();
    expect(await world.engine.reaches(jobId, "retrying")).toMatchObject({ attempt: 1 });
    expect(Math.abs((await waitMs(jobId)) - wait)).toBeLessThan(60_000);
    await sql`update duly.jobs set wake_at = duly.now() where id = ${jobId}`.execute(world.own);
    // Sent too early, by whatever: the card is not tried, and no attempt is spent.
    expect(await world.engine.reaches(jobId, "held")).toMatchObject({
      attempt: 1,
      waits_for: "rate limit: card networks",
    });
    expect(await world.chargesOf(paymentId)).toEqual({ tries: 1, paid: 0 });
    await passes(paymentId, wait);
    await sql`update duly.jobs set wake_at = duly.now() where id = ${jobId}`.execute(world.own);
    expect(await world.engine.reaches(jobId, "completed")).toMatchObject({ attempt: 2 });
    expect(await world.chargesOf(paymentId)).toEqual({ tries: 2, paid: 1 });
  });

  test.each([
    ["lost_card", {}],
    ["insufficient_funds", { networkAdviceCode: "03" }],
    ["do_not_honor", { adviceCode: "do_not_try_again" }],
  ])("%s %j is given up at once, and not tried again by a second job", async (code, advice) => {
    await world.order({ kind: "decline", code, ...advice });
    const { paymentId, jobId } = await charging();
    const letter = await world.engine.reaches(jobId, "dead_lettered");
    expect(letter).toMatchObject({
      attempt: 1,
      last_error: { name: "PermanentError", code: `card_${code}` },
    });
    await world.engine.reaches(await world.charge(paymentId), "dead_lettered");
    expect(await world.chargesOf(paymentId)).toEqual({ tries: 1, paid: 0 });
    expect(await entriesOf(paymentId)).toEqual([]);
    const row = await world.own
      .selectFrom("payments.payments")
      .select("state")
      .where("id", "=", paymentId)
      .executeTakeFirst();
    expect(row).toEqual({ state: "failed" });
  });

  test("whose answer was lost is noted when the processor is asked, and waits as well", async () => {
    await world.order({ kind: "timeout-after-effect", delayMs: 0 });
    const { paymentId, jobId } = await charging("pm_card_visa_chargeDeclinedInsufficientFunds");
    const held = await world.engine.reaches(jobId, "held");
    expect(held.waits_for).toBe("rate limit: card networks");
    expect(await world.chargesOf(paymentId)).toEqual({ tries: 1, paid: 0 });
  });
});

test("a processor that asks for patience, by seconds or a date, costs no attempt", async () => {
  await world.order({ kind: "429", retryAfterS: 30 });
  const first = await charging();
  await world.engine.reaches(first.jobId, "held");
  expect(Math.abs((await waitMs(first.jobId)) - 30_000)).toBeLessThan(3_000);
  await world.order({ kind: "429", retryAfterS: 90, asDate: true });
  const second = await charging();
  expect(await world.engine.reaches(second.jobId, "held")).toMatchObject({ attempt: 0 });
  expect(Math.abs((await waitMs(second.jobId)) - 90_000)).toBeLessThan(3_000);
});

test("a processor that refuses the login was asked nothing", async () => {
  const gateway = new CardGateway(new CardClient({ url: world.url, key: "sk_wrong" }));
  const wanted = await order(await world.payment(await world.payer()), 1);
  const charging = gateway.charge(wanted, world.own, new AbortController().signal);
  await expect(charging).rejects.toMatchObject({ name: "UnreachableError", dependency: "cards" });
});

test("30 charges under every fault at once: each payment is charged once, and the books sum to zero", async () => {
  const before = await world.charges();
  const many = { count: 1_000 };
  await world.order({ kind: "timeout-after-effect", delayMs: 0, every: 5, ...many });
  await world.order({ kind: "5xx", effect: true, every: 7, ...many });
  await world.order({ kind: "5xx", every: 11, on: ["create", "confirm"], ...many });
  await world.order({ kind: "5xx", status: 503, effect: true, every: 8, ...many });
  await world.order({ kind: "reset", every: 13, on: ["create", "confirm", "retrieve", "cancel"], ...many });
  await world.order({
    kind: "429",
    retryAfterS: 0,
    every: 17,
    on: ["create", "confirm", "retrieve"],
    ...many,
  });
  const payer = await world.payer();
  const payments = await Promise.all(Array.from({ length: 30 }, () => world.payment(payer)));
  const jobs = await Promise.all(payments.map((paymentId) => world.charge(paymentId)));
  await expect.poll(() => stillOpen(jobs), { timeout: 40_000, interval: 200 }).toEqual([]);
  const after = await world.charges();
  expect(after.paidTwice).toEqual([]);
  expect(after.paid - before.paid).toBe(30);
  const { rows } = await sql`
    select state, currency, count(distinct t.id)::int as charges from payments.payments
    join payments.ledger_transactions t on t.payment_id = payments.id where payments.id = any(${payments}::uuid[])
    group by state, currency
  `.execute(world.own);
  expect(rows).toEqual([{ state: "completed", currency: "USD", charges: 30 }]);
  const { rows: sums } = await sql`select sum(amount)::text as total from payments.ledger_entries`.execute(
    world.own,
  );
  expect(sums).toEqual([{ total: "0" }]);
}, 60_000);

describe("the books", () => {
  const charge = (paymentId: string, source: string = randomUUID()) => ({
    paymentId,
    source,
    recipient: "shop:tea",
    currency: "USD",
    amount: 5n,
  });

  test("take a charge once, and no second charge for the same payment", async () => {
    const paymentId = await world.payment(await world.payer());
    const booked = charge(paymentId);
    await bookCharge(world.own, booked);
    await bookCharge(world.own, booked);
    expect(await entriesOf(paymentId)).toHaveLength(2);
    await expect(bookCharge(world.own, charge(paymentId))).rejects.toThrow(/duplicate key/);
    expect(await entriesOf(paymentId)).toHaveLength(2);
  });

  test("refuse a change, and a transaction that does not sum to zero", async () => {
    const paymentId = await world.payment(await world.payer());
    await bookCharge(world.own, charge(paymentId));
    for (const change of [
      sql`update payments.ledger_entries set amount = amount + 1`,
      sql`delete from payments.ledger_entries`,
      sql`update payments.ledger_transactions set kind = 'gift'`,
      sql`truncate payments.ledger_entries`,
    ]) {
      await expect(change.execute(world.own)).rejects.toThrow(/are never changed/);
    }
    const half = sql`
      with made as (
        insert into payments.ledger_transactions (kind, payment_id, source) values ('fee', ${paymentId}, 'x') returning id
      )
      insert into payments.ledger_entries select id, 1, 'cards:receivable', 'USD', 1 from made
    `;
    await expect(half.execute(world.own)).rejects.toThrow(/is off by 1 USD/);
  });
});

const order = (paymentId: string, number: number) => world.orderOf(paymentId, `${paymentId}.${number}`);

async function storedCharge(paymentId: string): Promise<string> {
  const { rows } = await sql<{ id: string }>`
    select card_payment_id as id from payments.card_charges where payment_id = ${paymentId} and state = 'open'
  `.execute(world.own);
  return rows[0]?.id ?? "none";
}

async function stillOpen(jobIds: readonly string[]): Promise<unknown[]> {
  const { rows } = await sql`
    select state, attempt, holds, waits_for, last_error->>'message' as error from duly.jobs
    where id = any(${jobIds}::uuid[]) and state <> 'completed'
  `.execute(world.own);
  return rows;
}

/** Lets time pass for a payment's declines. */
async function passes(paymentId: string, ms: number): Promise<void> {
  await sql`
    update payments.card_declines set declined_at = declined_at - ${ms}::float8 * interval '1 ms',
      retry_at = retry_at - ${ms}::float8 * interval '1 ms'
    where payment_id = ${paymentId}
  `.execute(world.own);
}
