import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { root } from "../support/repository.ts";

const Users = z.array(z.object({ id: z.string(), email: z.string(), phone: z.string() }));

/** The users that every local stack knows. */
export const users = Users.parse(JSON.parse(readFileSync(join(root, "examples/users.json"), "utf8")));

/** A payment as a file asks for it. Its recipient is its own, so that the chain tells which payment it was. */
export interface Line {
  readonly reference: string;
  readonly payer: string;
  readonly recipient: string;
  /** Decimal without trailing zeros. */
  readonly amount: string;
  readonly currency: string;
  readonly method: "erc20" | "card";
  readonly scheduledFor: string;
}

/** As many payments from a few payers each with some; low, medium and high ones by turns. */
export function paymentLines(
  count: number,
  {
    payers = 4,
    scheduledFor = (_place: number) => "",
  }: {
    payers?: number;
    scheduledFor?: (place: number) => string;
  } = {},
): Line[] {
  const label = randomBytes(4).toString("hex");
  const worth = [3, 50, 2_000];
  return Array.from({ length: count }, (_, place) => ({
    reference: `${label}-${String(place).padStart(4, "0")}`,
    payer: users[place % payers]?.id ?? "",
    recipient: `0x${randomBytes(20).toString("hex")}`,
    amount: `${worth[place % worth.length]}.${String(place + 1).padStart(5, "0")}1`,
    currency: "DUSD",
    method: "erc20",
    scheduledFor: scheduledFor(place),
  }));
}

/** A payment by the first user's card. */
export function cardLine(): Line {
  const reference = `${randomBytes(4).toString("hex")}-card`;
  const payer = users[0]?.id ?? "";
  return {
    reference,
    payer,
    recipient: "shop:coffee",
    amount: "24.9",
    currency: "USD",
    method: "card",
    scheduledFor: "",
  };
}

/** Writes the lines as a file for `import payments`; returns its path. */
export function writeLines(folder: string, lines: readonly Line[]): string {
  const file = join(folder, `payments-${randomBytes(4).toString("hex")}.csv`);
  const rows = lines.map(
    ({ reference, payer, recipient, amount, currency, method, scheduledFor }) =>
      `${reference},${payer},${recipient},${amount},${currency},${method},${scheduledFor},`,
  );
  writeFileSync(
    file,
    `${["reference,payer,recipient,amount,currency,method,scheduled_for,urgent", ...rows].join("\n")}\n`,
  );
  return file;
}
