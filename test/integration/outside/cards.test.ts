import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { Stripe } from "stripe";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type OutsideProcess, startOutside, temporaryFolder } from "./outside-process.ts";

const KEY = "sk_test_s3cret";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let cards: OutsideProcess;
let stripe: Stripe;

/** Names this test's payment, at the processor too. */
let payment: string;

const start = async (searchLagMs = 60_000) => {
  cards = await startOutside("cards", {
    PORT: "0",
    CARDS_KEY: KEY,
    DATA_FILE: join(folder.path, "cards.jsonl"),
    SEARCH_LAG_MS: String(searchLagMs),
  });
  stripe = clientWith(KEY);
};
const clientWith = (key: string) =>
  new Stripe(key, {
    host: "127.0.0.1",
    port: Number(cards.ready["port"]),
    protocol: "http",
    maxNetworkRetries: 0,
    telemetry: false,
    // The Node client repeats a request whose connection was cut, whatever it is told.
    httpClient: Stripe.createFetchHttpClient(),
  });
const http = (path: string, init?: RequestInit) =>
  fetch(`http://127.0.0.1:${cards.ready["port"]}${path}`, init);
const order = async (fault: object) => {
  const answer = await http("/faults", { method: "POST", body: JSON.stringify(fault) });
  expect(answer.status).toBe(201);
};
type Charges = { charges: { paid: boolean; metadata: { payment: string } }[]; paidTwice: string[] };
/** What was charged for this test's payment. */
const charges = async () => {
  const all = (await (await http("/charges?limit=1000")).json()) as Charges;
  const own = all.charges.filter(({ metadata }) => metadata.payment === payment);
  return {
    total: own.length,
    paid: own.filter(({ paid }) => paid).length,
    twice: all.paidTwice.includes(payment),
  };
};

/** A customer with a card, by one of Stripe's names for test cards. */
async function cardholder(card = "pm_card_visa") {
  const { id: customer } = await stripe.customers.create({ name: "Alice", payment_method: card });
  const { data } = await stripe.customers.listPaymentMethods(customer);
  return { customer, payment_method: data[0]?.id ?? "none" };
}

async function intent(card?: string) {
  const holder = await cardholder(card);
  const metadata = { payment };
  return stripe.paymentIntents.create({ amount: 1999, currency: "usd", ...holder, metadata });
}

const confirm = (id: string, idempotencyKey: string) =>
  stripe.paymentIntents.confirm(id, { off_session: true }, { idempotencyKey });

/** What a request was refused with. */
async function refusal(request: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  const error = await refusalOrNone(request);
  if (error === undefined) throw new Error("it was not refused");
  return error;
}

beforeAll(async () => {
  folder = await temporaryFolder();
  await start();
});
beforeEach(async () => {
  payment = randomUUID();
  await http("/faults", { method: "DELETE" });
});
afterAll(async () => {
  await cards.end();
  await folder.remove();
});

describe("the card processor, asked by the official client", () => {
  it("creates, confirms off session, shows and lists a payment, and keeps it over a kill", async () => {
    const created = await intent();
    expect(created).toMatchObject({ status: "requires_confirmation", amount: 1999, amount_received: 0 });
    const confirmed = await confirm(created.id, `${payment}.1`);
    expect(confirmed).toMatchObject({
      status: "succeeded",
      amount_received: 1999,
      latest_charge: expect.stringMatching(/^ch_/) as string,
      metadata: { payment },
    });
    expect(confirmed.lastResponse.requestId).toMatch(/^req_/);
    await cards.end("SIGKILL");
    await start();
    expect(await stripe.paymentIntents.retrieve(created.id)).toMatchObject({ status: "succeeded" });
    const listed = await stripe.paymentIntents.list({ customer: created.customer as string });
    expect(listed.data.map(({ id }) => id)).toEqual([created.id]);
    expect(await confirm(created.id, `${payment}.1`)).toMatchObject({ status: "succeeded" });
    expect(await charges()).toEqual({ total: 1, paid: 1, twice: false });
  });

  it("finds a payment by its metadata only after the lag that searching has", async () => {
    await intent();
    const query = `metadata['payment']:'${payment}' AND status:'requires_confirmation'`;
    expect((await stripe.paymentIntents.search({ query })).data).toEqual([]);
    await cards.end();
    await start(0);
    expect((await stripe.paymentIntents.search({ query })).data).toHaveLength(1);
    expect((await stripe.paymentIntents.search({ query: query.replace(payment, "another") })).data).toEqual(
      [],
    );
    expect(await refusal(stripe.paymentIntents.search({ query: "amount>5" }))).toMatchObject({
      statusCode: 400,
    });
  });

  it("takes a payment's money once: a second confirmation, under whatever key, is refused", async () => {
    const { id } = await intent();
    await confirm(id, `${payment}.1`);
    expect(await refusal(confirm(id, `${payment}.2`))).toMatchObject({
      code: "payment_intent_unexpected_state",
      payment_intent: { status: "succeeded" },
    });
    expect(await charges()).toMatchObject({ total: 1, paid: 1 });
  });

  it.each([
    ["pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"],
    ["pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"],
    ["pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"],
    ["pm_card_authenticationRequired", "authentication_required", "authentication_required"],
  ])("declines %s", async (card, code, declineCode) => {
    const { id } = await intent(card);
    const error = await refusal(confirm(id, `${payment}.1`));
    expect(error).toMatchObject({ type: "StripeCardError", code, decline_code: declineCode });
    expect(await stripe.paymentIntents.retrieve(id)).toMatchObject({
      status: "requires_payment_method",
      last_payment_error: { decline_code: declineCode },
    });
    expect(await charges()).toMatchObject({ total: 1, paid: 0 });
  });

  it("cannot be confirmed once it is cancelled", async () => {
    const { id } = await intent();
    expect(await stripe.paymentIntents.cancel(id)).toMatchObject({ status: "canceled" });
    expect(await refusal(confirm(id, `${payment}.1`))).toMatchObject({
      code: "payment_intent_unexpected_state",
    });
    expect((await charges()).total).toBe(0);
  });

  it("refuses a wrong login, unknown parameters, unknown ids and amounts that are none", async () => {
    expect(await refusal(clientWith("sk_wrong").paymentIntents.retrieve("pi_1"))).toMatchObject({
      statusCode: 401,
    });
    expect(await refusal(stripe.paymentIntents.retrieve("pi_1"))).toMatchObject({ code: "resource_missing" });
    const holder = await cardholder();
    const wrong = stripe.paymentIntents.create({ amount: 0, currency: "usd", ...holder });
    expect(await refusal(wrong)).toMatchObject({ param: "amount" });
    const unknown = { amount: 1, currency: "usd", colour: "red" } as Stripe.PaymentIntentCreateParams;
    expect(await refusal(stripe.paymentIntents.create(unknown))).toMatchObject({ code: "parameter_unknown" });
  });
});

describe("its idempotency keys", () => {
  it("give the first answer to a repetition, declines included", async () => {
    const { id } = await intent("pm_card_visa_chargeDeclinedInsufficientFunds");
    const first = await refusal(confirm(id, `${payment}.1`));
    const second = await refusal(confirm(id, `${payment}.1`));
    expect(second.charge).toBe(first.charge);
    expect(second.headers).toMatchObject({ "original-request": first.requestId });
    expect((await charges()).total).toBe(1);
  });

  it("give a saved 500 again and again, though nothing was done; another key goes through", async () => {
    const { id } = await intent();
    await order({ kind: "5xx" });
    expect((await refusal(confirm(id, `${payment}.1`))).statusCode).toBe(500);
    expect((await refusal(confirm(id, `${payment}.1`))).statusCode).toBe(500);
    expect((await charges()).total).toBe(0);
    expect(await confirm(id, `${payment}.2`)).toMatchObject({ status: "succeeded" });
  });

  it("save nothing of a gateway's error, of a limit and of a request that cannot be meant", async () => {
    const { id } = await intent();
    await order({ kind: "5xx", status: 503 });
    await order({ kind: "429" });
    expect((await refusal(confirm(id, `${payment}.1`))).statusCode).toBe(503);
    expect((await refusal(confirm(id, `${payment}.1`))).statusCode).toBe(429);
    await refusal(
      stripe.paymentIntents.confirm(id, { payment_method: "pm_none" }, { idempotencyKey: `${payment}.1` }),
    );
    expect(await confirm(id, `${payment}.1`)).toMatchObject({ status: "succeeded" });
  });

  it("are an error with other parameters and at another endpoint", async () => {
    const { id } = await intent();
    await confirm(id, `${payment}.1`);
    const other = stripe.paymentIntents.confirm(
      id,
      { off_session: false },
      { idempotencyKey: `${payment}.1` },
    );
    expect(await refusal(other)).toMatchObject({ type: "StripeIdempotencyError", statusCode: 400 });
    const elsewhere = stripe.paymentIntents.cancel(id, {}, { idempotencyKey: `${payment}.1` });
    expect(await refusal(elsewhere)).toMatchObject({ type: "StripeIdempotencyError" });
  });

  it("are in use while their first request is at work, and so is its payment", async () => {
    const { id } = await intent();
    await order({ kind: "slow", delayMs: 400 });
    const first = confirm(id, `${payment}.1`);
    await expect
      .poll(async () => (await refusalOrNone(confirm(id, `${payment}.2`)))?.code)
      .toBe("lock_timeout");
    expect(await refusal(confirm(id, `${payment}.1`))).toMatchObject({
      statusCode: 409,
      code: "idempotency_key_in_use",
    });
    expect(await first).toMatchObject({ status: "succeeded" });
    expect((await charges()).total).toBe(1);
  });

  it("are forgotten on DELETE, as they are at Stripe after a day", async () => {
    const key = { idempotencyKey: `${payment}.1` };
    const holder = await cardholder();
    const asked = { amount: 500, currency: "usd", confirm: true, ...holder, metadata: { payment } };
    const first = await stripe.paymentIntents.create(asked, key);
    expect((await stripe.paymentIntents.create(asked, key)).id).toBe(first.id);
    await http("/keys", { method: "DELETE" });
    expect((await stripe.paymentIntents.create(asked, key)).id).not.toBe(first.id);
    expect(await charges()).toMatchObject({ paid: 2, twice: true });
  });
});

describe("its faults", () => {
  it("take the money and give no answer, or an error", async () => {
    const silent = await intent();
    await order({ kind: "timeout-after-effect", delayMs: 20 });
    expect(await refusal(confirm(silent.id, `${payment}.1`))).toMatchObject({
      type: "StripeConnectionError",
    });
    expect(await confirm(silent.id, `${payment}.1`)).toMatchObject({ status: "succeeded" });
    const failed = await intent();
    await order({ kind: "5xx", effect: true });
    expect((await refusal(confirm(failed.id, `${payment}.2`))).statusCode).toBe(500);
    expect(await stripe.paymentIntents.retrieve(failed.id)).toMatchObject({ status: "succeeded" });
    expect((await charges()).paid).toBe(2);
  });

  it("cut the connection with nothing done, strike one in so many, and only whom they are meant for", async () => {
    const { id } = await intent();
    await order({ kind: "reset", to: "cus_nobody" });
    await order({ kind: "reset", every: 3, on: ["retrieve"], count: 2 });
    const looks: boolean[] = [];
    for (let look = 0; look < 7; look += 1) {
      looks.push((await refusalOrNone(stripe.paymentIntents.retrieve(id))) === undefined);
    }
    expect(looks).toEqual([true, true, false, true, true, false, true]);
    expect(await confirm(id, `${payment}.1`)).toMatchObject({ status: "succeeded" });
  });

  it("ask for patience in seconds or by a date, and decline with a code and the networks' advice", async () => {
    const { id } = await intent();
    await order({ kind: "429", retryAfterS: 7 });
    await order({ kind: "429", retryAfterS: 60, asDate: true });
    expect((await refusal(confirm(id, `${payment}.1`))).headers).toMatchObject({ "retry-after": "7" });
    const { headers } = await refusal(confirm(id, `${payment}.1`));
    expect(Date.parse(headers?.["retry-after"] ?? "") - Date.now()).toBeGreaterThan(50_000);
    await order({
      kind: "decline",
      code: "do_not_honor",
      adviceCode: "try_again_later",
      networkAdviceCode: "26",
    });
    expect(await refusal(confirm(id, `${payment}.1`))).toMatchObject({
      decline_code: "do_not_honor",
      advice_code: "try_again_later",
      network_advice_code: "26",
    });
  });
});

async function refusalOrNone(request: Promise<unknown>): Promise<Stripe.errors.StripeError | undefined> {
  try {
    await request;
    return undefined;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError) return error;
    throw error;
  }
}
