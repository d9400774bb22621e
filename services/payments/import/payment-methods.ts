import { stripeAmount } from "../cards/stripe-amount.ts";
import { parseAddress } from "../chain/address.ts";

/** A currency as the import must know it. */
export interface KnownCurrency {
  readonly decimals: number;
  /** Decimal text: dollars that one whole unit is worth. */
  readonly usdRate: string;
}

/** How a payment can be made, and what its line must say. */
export interface PaymentMethod {
  readonly name: "erc20" | "card";
  /** Which of the import's currencies it moves. */
  readonly currencies: "tokens" | "currencies";
  /** The recipient in its one spelling, or why there is none. */
  readonly recipient: (text: string) => { readonly value: string } | { readonly fault: string };
  /** Why this amount (minor units) cannot be paid this way, if so. */
  readonly amountFault: (currency: string, amount: bigint) => string | undefined;
}

/** In tokens, on chain. */
export const ERC20: PaymentMethod = {
  name: "erc20",
  currencies: "tokens",
  recipient: (text) => {
    const address = parseAddress(text);
    return address === undefined ? { fault: addressFault(text) } : { value: address };
  },
  amountFault: () => undefined,
};

/** From the payer's card; the recipient is whoever the books name so. */
const CARD: PaymentMethod = {
  name: "card",
  currencies: "currencies",
  recipient: (text) =>
    /^\P{C}{1,200}$/u.test(text)
      ? { value: text }
      : { fault: "recipient must have 1 to 200 printable characters" },
  amountFault: (currency, amount) => {
    const wanted = stripeAmount(currency, amount);
    return "fault" in wanted ? wanted.fault : undefined;
  },
};

/** Every way to pay, by its name in a payments file. */
export const PAYMENT_METHODS: ReadonlyMap<string, PaymentMethod> = new Map(
  [ERC20, CARD].map((method) => [method.name, method]),
);

/** Makes text of others fit for one line. */
export function shorten(input: unknown): string {
  return String(input).replaceAll(/\p{C}/gu, "?").slice(0, 60);
}

function addressFault(text: string): string {
  return /^0x[0-9a-fA-F]{40}$/.test(text)
    ? `recipient "${text}" has a wrong checksum: a digit may be mistyped`
    : `recipient "${shorten(text)}" is no 0x address of 40 hexadecimal digits`;
}
