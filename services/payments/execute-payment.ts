import { ExecutePayment, PaymentCompleted } from "#shared/contracts/payments.ts";
import {
  dependency,
  emit,
  type Handler,
  handle,
  PermanentError,
  type Priority,
  type SettlingTransaction,
} from "#shared/index.ts";
import { factsOf, recordPaymentFailure } from "./payment-facts.ts";
import { completePayment, loadPayment, type Payment } from "./payment-store.ts";
import type { PaymentsDatabase, PaymentsTables } from "./tables.ts";
import type { TransferGateway, TransferOrder, TransferReceipt } from "./transfers/transfer-gateway.ts";
import { markTransfer } from "./transfers/transfer-store.ts";

/** The chain's node: while it fails, transfers wait and spend no attempt. */
const CHAIN = dependency("chain");

/** Makes a payment on chain, each priority through its own gateway, and tells the world what became of it. */
export function executePayment(
  gatewayOf: (priority: Priority) => TransferGateway,
): Handler<{ paymentId: string }, TransferReceipt> {
  return handle<{ paymentId: string }, TransferReceipt>(ExecutePayment, {
    effects: "keyed",
    uses: [CHAIN],

    perform: async ({ payload, job, intent, signal, db }) => {
      const payment = await existing(db.$extendTables<PaymentsTables>(), payload.paymentId);
      return await gatewayOf(job.priority).pay(orderOf(payment, job.id, intent.key), signal);
    },

    ask: async ({ payload, job, intent, signal, db }) => {
      const payment = await existing(db.$extendTables<PaymentsTables>(), payload.paymentId);
      return await gatewayOf(job.priority).find(orderOf(payment, job.id, intent.key), signal);
    },

    record: async (trx, receipt, { payload, job }) => {
      const { transactionHash } = receipt;
      const own = withPayments(trx);
      const payment = await existing(own, payload.paymentId);
      await markTransfer(own, transactionHash, "confirmed");
      const completedAt = await completePayment(own, payment.id, { transactionHash });
      const data = { ...factsOf(payment), transactionHash, completedAt: completedAt.toISOString() };
      await emit(trx, PaymentCompleted, data, { cause: job, subject: payment.id });
      return receipt;
    },

    recordFailure: async (trx, error, { payload, job }) => {
      const payment = await loadPayment(withPayments(trx), payload.paymentId);
      if (payment !== undefined) await recordPaymentFailure(trx, payment, error, job);
    },
  });
}

async function existing(db: PaymentsDatabase, id: string): Promise<Payment> {
  const payment = await loadPayment(db, id);
  if (payment === undefined) throw new PermanentError("payment_unknown", `there is no payment ${id}`);
  return payment;
}

function orderOf(payment: Payment, jobId: string, intentKey: string): TransferOrder {
  const { id: paymentId, walletIndex, token, recipient, amount } = payment;
  return { paymentId, jobId, intentKey, walletIndex, token, recipient, amount };
}

function withPayments(trx: SettlingTransaction): PaymentsDatabase {
  return trx.$extendTables<PaymentsTables>();
}
