import { crashPoint } from "#shared/config/crash-point.ts";
import {
  type Answer,
  type DulyError,
  PermanentError,
  RetryableError,
  UnknownOutcomeError,
} from "#shared/index.ts";
import type { Hex } from "../chain/address.ts";
import type { ChainClient, MinedTransfer, Move } from "../chain/chain-client.ts";
import { preflight } from "../chain/preflight.ts";
import type { Wallet } from "../chain/wallet.ts";
import type { PaymentsDatabase } from "../tables.ts";
import { awaitReceipt, type Patience } from "./await-receipt.ts";
import { chooseNonce } from "./choose-nonce.ts";
import { offerAgain } from "./offer-again.ts";
import { offerFirst } from "./offer-first.ts";
import { PayerLock } from "./payer-lock.ts";
import {
  isVoid,
  liveTransferOf,
  markTransfer,
  storeTransfer,
  type Transfer,
  voidIntent,
} from "./transfer-store.ts";

/** One payment on its way to the chain, under one intent. */
export interface TransferOrder {
  readonly paymentId: string;
  readonly jobId: string;
  readonly intentKey: string;
  readonly walletIndex: number;
  readonly token: Hex;
  readonly recipient: Hex;
  /** Minor units. */
  readonly amount: bigint;
}

/** Proof that the tokens moved. */
export interface TransferReceipt {
  readonly transactionHash: Hex;
  readonly blockNumber: number;
}

// For blocks that come each second or so; where they are slower, the engine asks again.
const PATIENCE: Patience = { lookEveryMs: 250, unblockAfterMs: 5_000, findForMs: 3_000 };

/**
 * Moves tokens so that a payment is made at most once, whatever dies when.
 *
 * The order that must hold: a transfer's nonce, bytes and hash are committed before the bytes leave; while a
 * transfer may still be mined, its payment gets no other one, under whatever intent; choosing a nonce, storing and
 * the first offer happen in one stretch under the payer's lock.
 */
export class TransferGateway {
  readonly #db: PaymentsDatabase;
  readonly #chain: ChainClient;
  readonly #wallet: Wallet;
  readonly #lock: PayerLock;
  readonly #patience: Patience;

  constructor(parts: { db: PaymentsDatabase; chain: ChainClient; wallet: Wallet; patience?: Patience }) {
    this.#db = parts.db;
    this.#chain = parts.chain;
    this.#wallet = parts.wallet;
    this.#lock = new PayerLock(parts.db);
    this.#patience = parts.patience ?? PATIENCE;
  }

  /**
   * Makes the payment's transfer, or goes on with the one that is stored, and waits for its block.
   *
   * @throws {PermanentError} when it was refused or reverted; {UnknownOutcomeError} once the bytes may have left and
   *   the chain no longer answers; {UnreachableError} and {RetryableError} with no effect before.
   */
  async pay(order: TransferOrder, signal: AbortSignal): Promise<TransferReceipt> {
    const stored = await liveTransferOf(this.#db, order.paymentId);
    const transfer = stored ?? (await this.#sign(order, signal));
    const mined = await this.#certainlyMined(order, transfer, signal, stored !== undefined);
    if (mined.moved) return receiptOf(transfer, mined);
    await markTransfer(this.#db, transfer.hash, "reverted");
    // The token's reason, if it still holds.
    await preflight(this.#chain, this.#moveOf(order));
    throw new PermanentError(
      "transfer_reverted",
      `transaction ${transfer.hash} was mined and moved no tokens`,
    );
  }

  /** Finds out what became of the payment's transfer; offers its bytes again when that is not settled yet. */
  async find(order: TransferOrder, signal: AbortSignal): Promise<Answer<TransferReceipt>> {
    const transfer = await this.#liveOrVoid(order);
    if (transfer === undefined) return { effect: "none", closed: true };
    const known = (await this.#settled(order, transfer)) ?? (await this.#minedSoon(order, transfer, signal));
    if (known === undefined) return { effect: "unknown" };
    if (known !== "superseded" && known.moved)
      return { effect: "applied", receipt: receiptOf(transfer, known) };
    await markTransfer(this.#db, transfer.hash, known === "superseded" ? known : "reverted");
    return { effect: "none", closed: true };
  }

  /** Chooses a nonce, signs, stores and offers a new transfer; returns the stored one if somebody was faster. */
  async #sign(order: TransferOrder, signal: AbortSignal): Promise<Transfer> {
    const move = this.#moveOf(order);
    const quote = await preflight(this.#chain, move);
    return this.#lock.hold(move.payer, async (db) => {
      signal.throwIfAborted();
      const stored = await liveTransferOf(db, order.paymentId);
      if (stored !== undefined) return stored;
      if (await isVoid(db, order.intentKey)) throw intentVoid(order);
      const line = await offerAgain(db, this.#chain, move.payer);
      if (line.stuck !== undefined) throw payerStuck(line.stuck);
      const nonce = chooseNonce(line.next, line.held);
      const signed = await this.#wallet.signTransfer(order.walletIndex, { ...move, ...quote, nonce });
      const { paymentId, jobId, intentKey } = order;
      const transfer: Transfer = { ...signed, paymentId, jobId, intentKey, payer: move.payer, nonce };
      await storeTransfer(db, transfer);
      crashPoint("payments.signed");
      await offerFirst(db, this.#chain, transfer);
      return transfer;
    });
  }

  async #certainlyMined(
    order: TransferOrder,
    transfer: Transfer,
    signal: AbortSignal,
    again: boolean,
  ): Promise<MinedTransfer> {
    try {
      if (again) await this.#unblock(transfer.payer);
      return await this.#mined(order, transfer, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw outcomeUnknown(transfer, error);
    }
  }

  async #mined(order: TransferOrder, transfer: Transfer, signal: AbortSignal): Promise<MinedTransfer> {
    const move = this.#moveOf(order);
    const unblock = () => this.#unblock(transfer.payer);
    return awaitReceipt(this.#chain, { ...transfer, move }, this.#patience, unblock, signal);
  }

  async #minedSoon(
    order: TransferOrder,
    transfer: Transfer,
    signal: AbortSignal,
  ): Promise<MinedTransfer | undefined> {
    await this.#unblock(transfer.payer);
    const enough = AbortSignal.timeout(this.#patience.findForMs);
    try {
      return await this.#mined(order, transfer, AbortSignal.any([signal, enough]));
    } catch (error) {
      signal.throwIfAborted();
      if (enough.aborted) return undefined;
      throw error;
    }
  }

  /** What the chain says for good: mined, or its nonce finally gone to another transaction. */
  async #settled(
    order: TransferOrder,
    transfer: Transfer,
  ): Promise<MinedTransfer | "superseded" | undefined> {
    const move = this.#moveOf(order);
    // Counted before looked up: between the two the transfer itself may be mined, never the other way round.
    const used = await this.#chain.nonceOf(transfer.payer, "latest");
    const mined = await this.#chain.find(transfer.hash, move);
    if (mined !== undefined || used <= transfer.nonce) return mined;
    const usedForGood = await this.#chain.nonceOf(transfer.payer, "finalized");
    if (usedForGood <= transfer.nonce) return undefined;
    return (await this.#chain.find(transfer.hash, move)) ?? "superseded";
  }

  async #liveOrVoid(order: TransferOrder): Promise<Transfer | undefined> {
    const stored = await liveTransferOf(this.#db, order.paymentId);
    if (stored !== undefined) return stored;
    // A handler that lost its delivery may be about to sign: under the lock it either has, or finds its intent void.
    return this.#lock.hold(this.#wallet.addressOf(order.walletIndex), async (db) => {
      const late = await liveTransferOf(db, order.paymentId);
      if (late === undefined) await voidIntent(db, order.intentKey);
      return late;
    });
  }

  async #unblock(payer: Hex): Promise<void> {
    await this.#lock.hold(payer, (db) => offerAgain(db, this.#chain, payer));
  }

  #moveOf({ token, recipient, amount, walletIndex }: TransferOrder): Move {
    return { token, recipient, amount, payer: this.#wallet.addressOf(walletIndex) };
  }
}

function receiptOf(transfer: Transfer, mined: MinedTransfer): TransferReceipt {
  return { transactionHash: transfer.hash, blockNumber: mined.blockNumber };
}

function outcomeUnknown(transfer: Transfer, error: unknown): DulyError {
  const words = error instanceof Error ? error.message : String(error);
  return new UnknownOutcomeError(`transfer ${transfer.hash} was signed, its outcome is not known: ${words}`, {
    cause: error,
  });
}

function intentVoid(order: TransferOrder): DulyError {
  return new RetryableError(
    "intent_void",
    `intent ${order.intentKey} was given up, nothing was signed under it`,
    {
      effect: "none",
    },
  );
}

function payerStuck({ transfer, words }: { transfer: Transfer; words: string }): DulyError {
  return new RetryableError(
    "payer_stuck",
    `transfer ${transfer.hash} of the same payer comes first, and the chain's node does not take it: ${words}`,
    { effect: "none", retryAfterMs: 5_000 },
  );
}
