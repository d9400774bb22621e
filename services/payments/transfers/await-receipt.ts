import { setTimeout as delay } from "node:timers/promises";
import { crashPoint } from "#shared/config/crash-point.ts";
import type { ChainClient, MinedTransfer, Move } from "../chain/chain-client.ts";
import type { Transfer } from "./transfer-store.ts";

/** How patiently a receipt is awaited. */
export interface Patience {
  /** Milliseconds between two looks. */
  readonly lookEveryMs: number;
  /** Milliseconds without a receipt after which `unblock` runs, and again after as many. */
  readonly unblockAfterMs: number;
  /** Milliseconds that `find` waits for a block once it has offered the bytes again. */
  readonly findForMs: number;
}

/**
 * Waits until a block has the transfer.
 *
 * @param unblock frees what may keep the transfer from being mined
 * @throws the signal's reason when it is aborted, and the errors of a chain that does not answer.
 */
export async function awaitReceipt(
  chain: ChainClient,
  transfer: Transfer & { readonly move: Move },
  patience: Patience,
  unblock: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<MinedTransfer> {
  let unblockAt = Date.now() + patience.unblockAfterMs;
  for (;;) {
    signal.throwIfAborted();
    const mined = await chain.find(transfer.hash, transfer.move);
    if (mined !== undefined) {
      crashPoint("payments.mined");
      return mined;
    }
    if (Date.now() >= unblockAt) {
      await unblock();
      unblockAt = Date.now() + patience.unblockAfterMs;
    }
    await delay(patience.lookEveryMs, undefined, { signal });
  }
}
