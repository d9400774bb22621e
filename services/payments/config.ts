import { z } from "zod";
import { ConsumerConfig, ServiceConfig } from "#shared/index.ts";

const dollars = z.string().regex(/^\d{1,15}(\.\d{1,9})?$/, "must be dollars like 1000 or 0.50");

const thresholds = {
  PAYMENT_HIGH_ABOVE_USD: dollars.default("1000").describe("payments worth more are high priority"),
  PAYMENT_LOW_BELOW_USD: dollars
    .default("10")
    .describe("payments worth less are low priority, unless urgent"),
};

const mnemonic = {
  CHAIN_MNEMONIC: z
    .string()
    .regex(/^[a-z]+( [a-z]+){11,23}$/, "must be 12 to 24 words")
    .describe("the words that every payer's key is derived from"),
};

const cards = {
  CARDS_URL: z.url().default("https://api.stripe.com").describe("address of the card processor's API"),
  CARDS_KEY: z.string().min(1).describe("secret key of the card processor's API"),
};

/** Settings of the payments service. */
export const PaymentsConfig = z.object({
  ...ConsumerConfig.shape,
  ...thresholds,
  ...mnemonic,
  ...cards,
  CHAIN_URL: z.url().describe("JSON-RPC address of an EVM chain"),
});
export type PaymentsConfig = z.infer<typeof PaymentsConfig>;

/** Settings of `duly import payments`. */
export const ImportConfig = z.object({ ...ServiceConfig.shape, ...thresholds });

/** Settings of `duly seed payments`. */
export const SeedConfig = z.object({
  ...ServiceConfig.shape,
  ...mnemonic,
  TOKEN_ADDRESS: z
    .string()
    .regex(/^0x[0-9a-fA-F]{40}$/, "must be a 0x address")
    .describe("contract of the token that payments move"),
  // Without it nobody is given a card.
  CARDS_KEY: cards.CARDS_KEY.optional(),
  CARDS_URL: cards.CARDS_URL,
});
