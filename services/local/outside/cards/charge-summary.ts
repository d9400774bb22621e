import { renderCharge } from "./render.ts";
import type { Vault } from "./vault.ts";

/** The charges in the order of their making, a page of them, and above all: was anything paid twice? */
export function chargeSummary(vault: Vault, { limit, offset }: { limit: number; offset: number }) {
  const all = [...vault.charges.values()];
  const paid = all.filter((charge) => charge.paid);
  // A second PaymentIntent for the same order would be a second payment: so by the caller's own name for it first.
  const perOrder = new Map<string, number>();
  for (const { metadata, paymentIntent } of paid) {
    const order = metadata["payment"] ?? paymentIntent;
    perOrder.set(order, (perOrder.get(order) ?? 0) + 1);
  }
  const paidTwice = [...perOrder].flatMap(([order, times]) => (times > 1 ? [order] : []));
  return {
    total: all.length,
    paid: paid.length,
    declined: all.length - paid.length,
    paidTwice,
    charges: all.slice(offset, offset + limit).map(renderCharge),
  };
}
