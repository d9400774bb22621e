/** What a JSON-RPC error means for a question, which changes nothing; nobody was asked to move money by it. */
export type RpcMeaning =
  /** The node asks for patience. */
  | "rate_limited"
  /** This node cannot answer such questions, now or at all: it has to be mended, or another one taken. */
  | "unreachable"
  /** The node failed at it; the next time it may not. */
  | "retryable"
  /** The same question can have no other answer. */
  | "permanent";

/**
 * JSON-RPC's error codes by the standards that give them: JSON-RPC 2.0 §5.1 (-32700 to -32600), EIP-1474 "Error codes"
 * (-32000 to -32006), and go-ethereum's 3 (a reverted call that tells why). A code that is in no line is retryable.
 *
 * Only questions are read by it. What a node says to signed bytes decides over money and is read by its words
 * (offer-answers.ts), because nodes give -32000 and -32003 to nearly everything.
 */
const MEANINGS: Readonly<Record<number, readonly [name: string, meaning: RpcMeaning]>> = {
  [-32_700]: ["parse error", "retryable"],
  [-32_600]: ["invalid request", "permanent"],
  [-32_601]: ["method not found", "unreachable"],
  [-32_602]: ["invalid params", "permanent"],
  [-32_603]: ["internal error", "retryable"],
  [-32_000]: ["invalid input, or any error of the node", "retryable"],
  [-32_001]: ["resource not found", "retryable"],
  [-32_002]: ["resource unavailable", "unreachable"],
  [-32_003]: ["transaction rejected", "retryable"],
  [-32_004]: ["method not supported", "unreachable"],
  [-32_005]: ["limit exceeded", "rate_limited"],
  [-32_006]: ["JSON-RPC version not supported", "unreachable"],
  3: ["execution reverted", "permanent"],
};

/** Reads a JSON-RPC error code. */
export function readRpcError(code: number): RpcMeaning {
  return MEANINGS[code]?.[1] ?? "retryable";
}
