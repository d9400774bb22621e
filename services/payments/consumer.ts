import type { ConsumeOptions, Handler, Priority } from "#shared/index.ts";
import type { CardGateway } from "./cards/card-gateway.ts";
import { chargeCard } from "./charge-card.ts";
import { executePayment } from "./execute-payment.ts";
import type { TransferGateway } from "./transfers/transfer-gateway.ts";

/** All that payments runs. */
export function payments(
  gatewayOf: (priority: Priority) => TransferGateway,
  cards: CardGateway,
): readonly Handler[] {
  return [executePayment(gatewayOf), chargeCard(cards)];
}

/** Payments mostly wait for a block or for the card processor, so that many at once cost little. */
export const WORKERS: NonNullable<ConsumeOptions["workers"]> = { high: 30, medium: 30, low: 10 };
