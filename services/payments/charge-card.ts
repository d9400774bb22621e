import { ChargeCard, PaymentCompleted } from "#shared/contracts/payments.ts";
import { dependency, emit, type Handler, handle, PermanentError } from "#shared/index.ts";
import type { CardGateway, ChargeOrder, ChargeReceipt } from "./cards/card-gateway.ts";
import { type CardPaymentRow, loadCardPayment } from "./cards/card-payment.ts";
import { endCharge } from "./cards/charge-store.ts";
import { stripeAmount } from "./cards/stripe-amount.ts";
import { bookCharge } from "./ledger/book-charge.ts";
import { factsOf, recordPaymentFailure } from "./payment-facts.ts";
import { completePayment } from "./payment-store.ts";
import type { PaymentsDatabase, PaymentsTables } from "./tables.ts";

/** The card processor: while it fails, charges wait and spend no attempt. */
const CARDS = dependency("cards");

/** Charges the payer's card, books the charge and tells the world what became of the payment. */
export function chargeCard(gateway: CardGateway): Handler<{ paymentId: string }, ChargeReceipt> {
  return handle<{ paymentId: string }, ChargeReceipt>(ChargeCard, {
    effects: "keyed",
    uses: [CARDS],

    perform: async ({ payload, intent, signal, db }) => {
      const own = db.$extendTables<PaymentsTables>();
      const payment = await existing(own, payload.paymentId);
      const { cardPaymentId } = payment;
      if (cardPaymentId !== undefined) return { cardPaymentId, charge: undefined };
      return await gateway.charge(orderOf(payment, intent.key), own, signal);
    },

    ask: async ({ payload, intent, signal, db }) => {
      const own = db.$extendTables<PaymentsTables>();
      const payment = await existing(own, payload.paymentId);
      return await gateway.find(orderOf(payment, intent.key), own, signal);
    },

    record: async (trx, receipt, { payload, job }) => {
      const { cardPaymentId } = receipt;
      const own = trx.$extendTables<PaymentsTables>();
      const payment = await existing(own, payload.paymentId);
      await endCharge(own, cardPaymentId, "succeeded");
      const { recipient, currency, amount } = payment;
      await bookCharge(own, { paymentId: payment.id, source: cardPaymentId, recipient, currency, amount });
      if (payment.cardPaymentId !== undefined) return receipt;
      const completedAt = await completePayment(own, payment.id, { cardPaymentId });
      const data = { ...factsOf(payment), cardPaymentId, completedAt: completedAt.toISOString() };
      await emit(trx, PaymentCompleted, data, { cause: job, subject: payment.id });
      return receipt;
    },

    recordFailure: async (trx, error, { payload, job }) => {
      const payment = await loadCardPayment(trx.$extendTables<PaymentsTables>(), payload.paymentId);
      if (payment !== undefined) await recordPaymentFailure(trx, payment, error, job);
    },
  });
}

async function existing(db: PaymentsDatabase, id: string): Promise<CardPaymentRow> {
  const payment = await loadCardPayment(db, id);
  if (payment === undefined) throw new PermanentError("payment_unknown", `there is no payment ${id} by card`);
  return payment;
}

function orderOf(payment: CardPaymentRow, intentKey: string): ChargeOrder {
  const { id: paymentId, reference, currency, amount, card } = payment;
  if (card === undefined) {
    throw new PermanentError("card_missing", `the payer "${payment.payer}" has no card in payments.cards`);
  }
  const wanted = stripeAmount(currency, amount);
  if ("fault" in wanted) throw new PermanentError("amount_unfit", wanted.fault);
  return { paymentId, reference, currency, amount, ...card, stripeAmount: wanted.amount, intentKey };
}
