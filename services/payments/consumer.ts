import type { ConsumeOptions, Handler, Priority } from "#shared/index.ts";
import { executePayment } from "./execute-payment.ts";
import type { TransferGateway } from "./transfers/transfer-gateway.ts";

/** All that payments runs. */
export function payments(gatewayOf: (priority: Priority) => TransferGateway): readonly Handler[] {
  return [executePayment(gatewayOf)];
}

/** Payments mostly wait for a block, so that many at once cost little. */
export const WORKERS: NonNullable<ConsumeOptions["workers"]> = { high: 30, medium: 30, low: 10 };
