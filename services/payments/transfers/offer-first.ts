import { crashPoint } from "#shared/config/crash-point.ts";
import { type DulyError, PermanentError, RetryableError } from "#shared/index.ts";
import type { ChainClient, Offer } from "../chain/chain-client.ts";
import type { PaymentsDatabase } from "../tables.ts";
import { markTransfer, type Transfer } from "./transfer-store.ts";

/**
 * Offers a transfer that was stored a moment ago; a refusal frees its nonce and its payment.
 *
 * That is safe only because nobody else has ever had these bytes: it must run under the payer's lock, held without a
 * break since before they were stored.
 *
 * @throws {PermanentError | RetryableError} when refused, with no effect; and the errors of `ChainClient.offer`,
 *   after which the transfer stays live.
 */
export async function offerFirst(
  db: PaymentsDatabase,
  chain: ChainClient,
  transfer: Transfer,
): Promise<void> {
  const offer = await chain.offer(transfer.raw);
  crashPoint("payments.offered");
  if (offer.answer === "accepted") return;
  await markTransfer(db, transfer.hash, "refused", offer.words);
  throw refusal(offer);
}

function refusal({ answer, words }: Offer): DulyError {
  if (answer === "refusedForGood") {
    return new PermanentError("transfer_refused", `the chain's node refuses the transfer: ${words}`);
  }
  return new RetryableError(
    "transfer_refused_for_now",
    `the chain's node does not take the transfer: ${words}`,
    {
      effect: "none",
    },
  );
}
