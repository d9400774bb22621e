import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { REFUSED_RECIPIENT } from "../../../../services/local/outside/chain/ensure-token.ts";
import { root } from "../../../support/repository.ts";
import type { Random } from "../random.ts";

const Users = z.array(z.object({ id: z.string(), walletIndex: z.number().int() }));

/** Those whom the payments service seeds. */
export const PAYERS = Users.parse(JSON.parse(readFileSync(join(root, "examples/users.json"), "utf8")));

/** A payment that was ordered; what was taken for it outside is known by its reference or, on chain, its recipient. */
export interface Order {
  readonly reference: string;
  readonly method: "card" | "erc20";
  readonly payer: string;
  readonly recipient: string;
  /** Minor units. */
  readonly amount: bigint;
  readonly currency: string;
  readonly afterS: number;
}

const DECIMALS: Readonly<Record<string, number>> = { USD: 2, EUR: 2, JPY: 0, DUSD: 6 };
const CARD_CURRENCIES = ["USD", "EUR", "JPY"];
/** Of the transfers: the token refuses them. */
const REFUSED_SHARE = 0.02;

/** What a round orders. */
export interface OrderPlan {
  readonly cards: number;
  readonly transfers: number;
  /** Seconds over which they come to be due. */
  readonly seconds: number;
}

/** Makes the orders of a round, low, medium and high ones. */
export function makeOrders(round: string, { cards, transfers, seconds }: OrderPlan, random: Random): Order[] {
  return Array.from({ length: cards + transfers }, (_, place): Order => {
    const payer = PAYERS[random.between(0, PAYERS.length - 1)]?.id ?? "";
    const reference = `${round} ${String(place).padStart(6, "0")}`;
    const common = { reference, payer, afterS: random.between(0, seconds) };
    if (place < cards) {
      const currency = CARD_CURRENCIES[random.between(0, CARD_CURRENCIES.length - 1)] ?? "USD";
      const amount = BigInt(random.between(100, 200_000));
      return { ...common, method: "card", recipient: `shop:${random.between(1, 9)}`, amount, currency };
    }
    const amount = BigInt(random.between(1_000_000, 20_000_000));
    const own = `0x${randomBytes(20).toString("hex")}`;
    const recipient = random.chance(REFUSED_SHARE) ? REFUSED_RECIPIENT.toLowerCase() : own;
    return { ...common, method: "erc20", recipient, amount, currency: "DUSD" };
  });
}

/** Writes them as a file for `import payments`. */
export function writeOrders(file: string, orders: readonly Order[]): void {
  const lines = orders.map(({ reference, payer, recipient, amount, currency, method, afterS }) =>
    [reference, payer, recipient, decimal(amount, currency), currency, method, `+${afterS}s`].join(","),
  );
  writeFileSync(
    file,
    `${["reference,payer,recipient,amount,currency,method,scheduled_for", ...lines].join("\n")}\n`,
  );
}

/** Minor units of a currency of an order, as decimal text without trailing zeros. */
export function decimal(minor: bigint, currency: string): string {
  const places = DECIMALS[currency] ?? 2;
  if (places === 0) return minor.toString();
  const digits = minor.toString().padStart(places + 1, "0");
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`.replace(/\.?0+$/, "");
}
