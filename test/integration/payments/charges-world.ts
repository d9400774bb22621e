import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll } from "vitest";
import { ChargeCard } from "#shared/contracts/payments.ts";
import { enqueue } from "#shared/jobs/enqueue.ts";
import { CardClient } from "../../../services/payments/cards/card-client.ts";
import { CardGateway, type ChargeOrder } from "../../../services/payments/cards/card-gateway.ts";
import { chargeCard } from "../../../services/payments/charge-card.ts";
import { seedCurrencies } from "../../../services/payments/seed/seed-currencies.ts";
import type { PaymentsDatabase, PaymentsTables } from "../../../services/payments/tables.ts";
import { type Engine, useEngine } from "../../support/engine.ts";
import { type OutsideProcess, startOutside, temporaryFolder } from "../outside/outside-process.ts";

const KEY = "sk_test_world";
/** Long enough for an honest answer, short enough to wait out a lost one. */
const TIMEOUT_MS = 1_000;

/** What the processor knows of the charges. */
export interface Charges {
  readonly total: number;
  readonly paid: number;
  readonly paidTwice: readonly string[];
  readonly charges: readonly { readonly paid: boolean; readonly metadata: { readonly payment: string } }[];
}

/** The engine at work with the charge job and a card processor of this file's own. */
export interface ChargesWorld {
  readonly engine: Engine;
  readonly own: PaymentsDatabase;
  /** With patience. */
  readonly client: CardClient;
  readonly url: string;
  readonly gateway: CardGateway;
  /** Orders a fault of the processor. */
  readonly order: (fault: object) => Promise<void>;
  readonly clearFaults: () => Promise<void>;
  /** Makes the processor forget its keys, as Stripe may after a day. */
  readonly forgetKeys: () => Promise<void>;
  readonly charges: () => Promise<Charges>;
  /** What was charged for one payment: every try, and those that took money. */
  readonly chargesOf: (paymentId: string) => Promise<{ tries: number; paid: number }>;
  /** A payer with one of Stripe's test cards. */
  readonly payer: (card?: string) => Promise<string>;
  readonly payment: (payer: string, minor?: bigint) => Promise<string>;
  /** Enqueues its job; returns the id. */
  readonly charge: (paymentId: string) => Promise<string>;
  readonly orderOf: (paymentId: string, intentKey: string) => Promise<ChargeOrder>;
}

/** Makes it before the first test of the file and takes it down after the last one. */
export function useChargesWorld(): ChargesWorld {
  const engine = useEngine();
  const world = { engine } as { -readonly [Key in keyof ChargesWorld]: ChargesWorld[Key] };
  let processor: OutsideProcess;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    folder = await temporaryFolder();
    const settings = { PORT: "0", CARDS_KEY: KEY, DATA_FILE: join(folder.path, "cards.jsonl") };
    processor = await startOutside("cards", settings);
    Object.assign(world, makeWorld(engine, `http://127.0.0.1:${processor.ready["port"]}`));
    await seedCurrencies(world.own);
    await Promise.all([engine.startRelay(), engine.startScheduler()]);
    // Neither the waits between attempts nor the breaker, which all these faults would open, are what is tested here.
    const quick = { ...chargeCard(world.gateway), uses: [], definition: { ...ChargeCard, backoff: [20] } };
    await engine.consume("payments", [quick], { medium: 8 });
  });
  afterAll(async () => {
    await processor.end();
    await folder.remove();
  });
  return world;
}

function makeWorld(engine: Engine, url: string): Omit<ChargesWorld, "engine"> {
  const own = engine.db.$extendTables<PaymentsTables>();
  const client = new CardClient({ url, key: KEY });
  const ask = async (path: string, init?: RequestInit) => {
    const answer = await fetch(`${url}${path}`, init);
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return answer.json();
  };
  const charges = async () => (await ask("/charges?limit=10000")) as Charges;
  return {
    own,
    client,
    url,
    gateway: new CardGateway(new CardClient({ url, key: KEY, timeoutMs: TIMEOUT_MS })),
    order: async (fault) => {
      await ask("/faults", { method: "POST", body: JSON.stringify(fault) });
    },
    clearFaults: async () => {
      await ask("/faults", { method: "DELETE" });
    },
    forgetKeys: async () => {
      await ask("/keys", { method: "DELETE" });
    },
    charges,
    chargesOf: async (paymentId) => {
      const all = (await charges()).charges.filter(({ metadata }) => metadata.payment === paymentId);
      return { tries: all.length, paid: all.filter(({ paid }) => paid).length };
    },
    payer: (card = "pm_card_visa") => makePayer(own, client, card),
    payment: async (payer, minor = 2_490n) => {
      const row = await own
        .insertInto("payments.payments")
        .values({
          reference: randomUUID(),
          payer,
          recipient: "shop:coffee",
          amount: String(minor),
          currency: "USD",
          method: "card",
          urgent: false,
          scheduled_for: new Date(),
          scheduled_for_given: "",
        })
        .returning("id")
        .executeTakeFirstOrThrow();
      return row.id;
    },
    charge: (paymentId) => engine.db.transaction().execute((trx) => enqueue(trx, ChargeCard, { paymentId })),
    orderOf: (paymentId, intentKey) => orderOf(own, paymentId, intentKey),
  };
}

let payers = 0;

async function makePayer(own: PaymentsDatabase, client: CardClient, card: string): Promise<string> {
  payers += 1;
  const id = `payer-${payers}`;
  const { customer, paymentMethod } = await client.saveCard({ userId: id, name: id, card }, randomUUID());
  await own
    .insertInto("payments.users")
    .values({ id, name: id, wallet_index: payers, address: `0x${payers}` })
    .execute();
  await own
    .insertInto("payments.cards")
    .values({ user_id: id, customer, payment_method: paymentMethod })
    .execute();
  return id;
}

async function orderOf(own: PaymentsDatabase, paymentId: string, intentKey: string): Promise<ChargeOrder> {
  const { rows } = await sql<{ reference: string; customer: string; method: string; amount: string }>`
    select reference, customer, payment_method as method, amount::text
    from payments.payments join payments.cards on user_id = payer where id = ${paymentId}
  `.execute(own);
  const [row] = rows;
  if (row === undefined) throw new Error(`there is no payment ${paymentId}`);
  const { reference, customer, method: paymentMethod } = row;
  const amount = BigInt(row.amount);
  const card = { customer, paymentMethod, currency: "USD", amount, stripeAmount: Number(amount) };
  return { paymentId, reference, ...card, intentKey };
}
