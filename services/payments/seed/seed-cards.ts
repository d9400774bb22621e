import type { CardClient } from "../cards/card-client.ts";
import type { PaymentsDatabase } from "../tables.ts";

/** Stripe's test card that is always approved. */
const DEMO_CARD = "pm_card_visa";

/** Gives a card to every user who has none; returns how many were given. A card that is there stays. */
export async function seedCards(
  db: PaymentsDatabase,
  processor: CardClient,
  users: readonly { readonly id: string; readonly name: string }[],
): Promise<number> {
  const holders = await db.selectFrom("payments.cards").select("user_id").execute();
  const known = new Set(holders.map(({ user_id }) => user_id));
  const without = users.filter(({ id }) => !known.has(id));
  await Promise.all(
    without.map(async ({ id, name }) => {
      // Run again after a crash, it finds the customer that it has made.
      const saved = await processor.saveCard({ userId: id, name, card: DEMO_CARD }, `duly seed card ${id}`);
      await db
        .insertInto("payments.cards")
        .values({ user_id: id, customer: saved.customer, payment_method: saved.paymentMethod })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }),
  );
  return without.length;
}
