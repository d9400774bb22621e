import {
  createPublicClient,
  http,
  isAddressEqual,
  type PublicClient,
  parseEventLogs,
  type TransactionReceipt,
  TransactionReceiptNotFoundError,
} from "viem";
import { RateLimitedError } from "#shared/index.ts";
import type { Hex } from "./address.ts";
import { classifyChainError, wordsOf } from "./classify-chain-error.ts";
import { type OfferAnswer, readOfferAnswer } from "./offer-answers.ts";
import { TOKEN_ABI } from "./token-abi.ts";

/** A move of tokens. */
export interface Move {
  readonly token: Hex;
  readonly payer: Hex;
  readonly recipient: Hex;
  readonly amount: bigint;
}

/** What a block says of a transfer. */
export interface MinedTransfer {
  /** Whether the tokens moved exactly as meant. */
  readonly moved: boolean;
  readonly blockNumber: number;
}

/** A node's answer to raw bytes, with its words for people. */
export interface Offer {
  readonly answer: OfferAnswer;
  readonly words: string;
}

/** `latest` is the newest block, `pending` counts the pool too, `finalized` can no longer change. */
export type BlockTag = "latest" | "pending" | "finalized";

/** The chain, as payments speaks to it; everything it throws is one of Duly's errors. */
export class ChainClient {
  readonly #client: PublicClient;
  #chainId: Promise<number> | undefined;

  /** Each request may take `timeoutMs`; none is repeated here, the engine decides on that. */
  constructor(url: string, timeoutMs = 10_000) {
    this.#client = createPublicClient({ transport: http(url, { retryCount: 0, timeout: timeoutMs }) });
  }

  /** Asked once per process; a failed answer is asked again. */
  async chainId(): Promise<number> {
    this.#chainId ??= this.#ask(() => this.#client.getChainId());
    try {
      return await this.#chainId;
    } catch (error) {
      this.#chainId = undefined;
      throw error;
    }
  }

  /** How many nonces an address has used up to a block; with `pending`, those in the pool without a gap too. */
  nonceOf(address: Hex, blockTag: BlockTag): Promise<number> {
    return this.#ask(() => this.#client.getTransactionCount({ address, blockTag }));
  }

  /** Wei that an address has. */
  balanceOf(address: Hex): Promise<bigint> {
    return this.#ask(() => this.#client.getBalance({ address }));
  }

  /** Gas that a transfer takes now; a token's refusal is thrown as viem throws it, for `preflight` to read. */
  estimateGas({ token, payer, recipient, amount }: Move): Promise<bigint> {
    return this.#client.estimateContractGas({
      abi: TOKEN_ABI,
      address: token,
      functionName: "transfer",
      args: [recipient, amount],
      account: payer,
    });
  }

  /** Wei per gas: the newest block's base fee and the tip that nodes suggest. */
  async fees(): Promise<{ baseFee: bigint; tip: bigint }> {
    return this.#ask(async () => {
      const [block, tip] = await Promise.all([
        this.#client.getBlock(),
        this.#client.estimateMaxPriorityFeePerGas(),
      ]);
      return { baseFee: block.baseFeePerGas ?? 0n, tip };
    });
  }

  /**
   * Hands signed bytes to the node; the same bytes any number of times do no harm.
   *
   * @throws {UnreachableError} when they surely did not arrive, {UnknownOutcomeError} when nobody can tell.
   */
  async offer(raw: Hex): Promise<Offer> {
    try {
      await this.#client.sendRawTransaction({ serializedTransaction: raw });
      return { answer: "accepted", words: "" };
    } catch (error) {
      const classified = classifyChainError(error, "offering");
      const words = wordsOf(error);
      const answer = classified instanceof RateLimitedError ? undefined : readOfferAnswer(words);
      if (answer === undefined) throw classified;
      return { answer, words };
    }
  }

  /** What the newest block knows of a transfer; undefined while no block has it. */
  async find(hash: Hex, move: Move): Promise<MinedTransfer | undefined> {
    const receipt = await this.#ask(() => this.#receipt(hash));
    if (receipt === undefined) return undefined;
    const transfers = parseEventLogs({ abi: TOKEN_ABI, eventName: "Transfer", logs: receipt.logs });
    const moved = transfers.some(
      ({ address, args }) =>
        isAddressEqual(address, move.token) &&
        isAddressEqual(args.from, move.payer) &&
        isAddressEqual(args.to, move.recipient) &&
        args.value === move.amount,
    );
    return { moved: receipt.status === "success" && moved, blockNumber: Number(receipt.blockNumber) };
  }

  async #receipt(hash: Hex): Promise<TransactionReceipt | undefined> {
    try {
      return await this.#client.getTransactionReceipt({ hash });
    } catch (error) {
      if (error instanceof TransactionReceiptNotFoundError) return undefined;
      throw error;
    }
  }

  async #ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
    try {
      return await question();
    } catch (error) {
      throw classifyChainError(error, "asking");
    }
  }
}
