import type { PaymentsDatabase } from "../tables.ts";
import type { KnownCurrency } from "./payment-methods.ts";

/** The tokens that payments may name, by symbol. */
export async function knownTokens(db: PaymentsDatabase): Promise<Map<string, KnownCurrency>> {
  const rows = await db.selectFrom("payments.tokens").select(["symbol", "decimals", "usd_rate"]).execute();
  return new Map(rows.map(({ symbol, decimals, usd_rate }) => [symbol, { decimals, usdRate: usd_rate }]));
}
