import type { ConsumeOptions, Handler } from "#shared/index.ts";
import { executePayment } from "./execute-payment.ts";
import type { PaymentsDatabase } from "./tables.ts";
import type { TransferGateway } from "./transfers/transfer-gateway.ts";

/** What the payments service runs. */
export function paymentsConsumer(db: PaymentsDatabase, gateway: TransferGateway): Handler[] {
  return [executePayment(db, gateway)];
}

/** Payments mostly wait for a block, so that many at once cost little. */
export const WORKERS: NonNullable<ConsumeOptions["workers"]> = { high: 30, medium: 30, low: 10 };
