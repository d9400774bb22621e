import { exponentOf } from "../cards/iso-4217.ts";
import type { PaymentsDatabase } from "../tables.ts";

/** Dollars that one unit is worth, for the priority of a payment; the demo's, not today's. */
const USD_RATES = { USD: "1", EUR: "1.1", GBP: "1.3", JPY: "0.0067", KWD: "3.25" } as const;

/** Writes the currencies that cards can be charged in; returns how many. */
export async function seedCurrencies(db: PaymentsDatabase): Promise<number> {
  const rows = Object.entries(USD_RATES).map(([code, usd_rate]) => {
    return { code, exponent: exponentOf(code), usd_rate };
  });
  await db
    .insertInto("payments.currencies")
    .values(rows)
    .onConflict((conflict) =>
      conflict.column("code").doUpdateSet((row) => ({
        exponent: row.ref("excluded.exponent"),
        usd_rate: row.ref("excluded.usd_rate"),
      })),
    )
    .execute();
  return rows.length;
}
