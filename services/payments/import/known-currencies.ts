import type { PaymentsDatabase } from "../tables.ts";
import type { KnownCurrency } from "./payment-methods.ts";

/** The currencies that cards can be charged in, by their codes. */
export async function knownCurrencies(db: PaymentsDatabase): Promise<Map<string, KnownCurrency>> {
  const rows = await db.selectFrom("payments.currencies").selectAll().orderBy("code").execute();
  return new Map(
    rows.map(({ code, exponent, usd_rate }) => [code, { decimals: exponent, usdRate: usd_rate }]),
  );
}
