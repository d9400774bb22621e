import { crashPoint } from "#shared/config/crash-point.ts";
import type { Hex } from "../chain/address.ts";
import type { ChainClient } from "../chain/chain-client.ts";
import type { PaymentsDatabase } from "../tables.ts";
import { liveTransfersFrom, type Transfer } from "./transfer-store.ts";

/** How a payer's line of nonces stands. */
export interface PayerLine {
  /** The chain's count for the payer, its pool included. */
  readonly next: number;
  /** Nonces from there on that live transfers hold. */
  readonly held: readonly number[];
  /** The first live transfer that the node will not take at present: nothing behind it is mined. */
  readonly stuck: { readonly transfer: Transfer; readonly words: string } | undefined;
}

/**
 * Offers again all of a payer's stored bytes that the chain's pool has lost or never saw, in order of nonce.
 *
 * Confirmed ones too: a chain can go back (a reorganisation, a node restored from an old state), and then a missing
 * nonce would block all that follow. A refusal ends no transfer here, because another node may have taken its bytes
 * before. Must run under the payer's lock.
 */
export async function offerAgain(db: PaymentsDatabase, chain: ChainClient, payer: Hex): Promise<PayerLine> {
  const next = await chain.nonceOf(payer, "pending");
  const waiting = await liveTransfersFrom(db, payer, next);
  const held = waiting.map((transfer) => transfer.nonce);
  for (const transfer of waiting) {
    const { answer, words } = await chain.offer(transfer.raw);
    crashPoint("payments.offered-again");
    if (answer === "refusedForNow" || answer === "refusedForGood")
      return { next, held, stuck: { transfer, words } };
  }
  return { next, held, stuck: undefined };
}
