/** What a node means by its answer to raw bytes. */
export type OfferAnswer =
  /** The bytes are in its pool. */
  | "accepted"
  /** The nonce is used, by these bytes or by others. */
  | "nonceUsed"
  /** Turned down; another time or with another fee it may be taken. */
  | "refusedForNow"
  /** Turned down for good. */
  | "refusedForGood";

/**
 * The words by which nodes answer `eth_sendRawTransaction`; no standard gives them codes.
 *
 * Sources: go-ethereum core/txpool/errors.go and core/error.go, which Erigon, BSC and others repeat word for word;
 * anvil 1.7.1 as seen, which answers in its own capitals and says "already imported" (so do OpenEthereum's heirs).
 * Words that are in no line mean that nobody knows what became of the bytes.
 */
const ANSWERS: readonly (readonly [words: RegExp, answer: OfferAnswer])[] = [
  [/already known|already imported|\bknown transaction/i, "accepted"],
  [/nonce too low/i, "nonceUsed"],
  [/replacement transaction underpriced|future transaction tries to replace pending/i, "refusedForNow"],
  [/transaction underpriced|max fee per gas less than block base fee/i, "refusedForNow"],
  [/txpool is full|account limit exceeded|in-flight transaction limit reached/i, "refusedForNow"],
  [/nonce too high/i, "refusedForNow"],
  // Nodes count what the wallet's waiting transactions may cost at most: once they are mined, it may suffice.
  [/insufficient funds/i, "refusedForNow"],
  [/intrinsic gas too (low|high)|exceeds block gas limit/i, "refusedForGood"],
  [/max priority fee per gas higher than max fee per gas/i, "refusedForGood"],
  [/invalid sender|invalid chain id|oversized data|failed to decode transaction/i, "refusedForGood"],
];

/** Reads a node's words; undefined when they are unknown and the bytes may have been taken. */
export function readOfferAnswer(words: string): OfferAnswer | undefined {
  return ANSWERS.find(([pattern]) => pattern.test(words))?.[1];
}
