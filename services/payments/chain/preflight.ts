import { BaseError, ContractFunctionRevertedError } from "viem";
import { PermanentError } from "#shared/index.ts";
import type { ChainClient, Move } from "./chain-client.ts";
import { classifyChainError } from "./classify-chain-error.ts";
import { TOKEN_REFUSALS } from "./token-abi.ts";

/** What a transfer may cost at most. */
export interface Quote {
  readonly chainId: number;
  readonly gas: bigint;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

// Stored bytes may be offered long after they were signed, so their fee leaves room for the base fee to rise:
// 12.5 % a block at most (EIP-1559), some 18 full blocks on end. What is not needed is not paid.
const BASE_FEE_ROOM = 8n;

/**
 * Asks the newest block whether a transfer would be made, before a nonce is spent on it.
 *
 * @throws {PermanentError} `recipient_refused`, `insufficient_balance`, `insufficient_gas_funds` or
 *   `transfer_refused`; and the errors of a chain that does not answer.
 */
export async function preflight(chain: ChainClient, move: Move): Promise<Quote> {
  const [chainId, estimate, fees, funds] = await Promise.all([
    chain.chainId(),
    estimateGas(chain, move),
    chain.fees(),
    chain.balanceOf(move.payer),
  ]);
  // The recipient's first token takes a slot more; the margin covers that it was emptied since.
  const gas = (estimate * 3n) / 2n;
  const maxFeePerGas = fees.baseFee * BASE_FEE_ROOM + fees.tip;
  if (funds < gas * (fees.baseFee + fees.tip)) {
    throw new PermanentError(
      "insufficient_gas_funds",
      `${move.payer} has too little ether to pay for the gas`,
    );
  }
  // A wallet that cannot cover the whole room gets as much of it as it can pay.
  const affordable = funds / gas;
  return {
    chainId,
    gas,
    maxFeePerGas: affordable < maxFeePerGas ? affordable : maxFeePerGas,
    maxPriorityFeePerGas: fees.tip,
  };
}

async function estimateGas(chain: ChainClient, move: Move): Promise<bigint> {
  try {
    return await chain.estimateGas(move);
  } catch (error) {
    throw tokenRefusal(error) ?? classifyChainError(error, "asking");
  }
}

function tokenRefusal(error: unknown): PermanentError | undefined {
  if (!(error instanceof BaseError)) return undefined;
  const reverted = error.walk((cause) => cause instanceof ContractFunctionRevertedError);
  if (!(reverted instanceof ContractFunctionRevertedError)) return undefined;
  const name = reverted.data?.errorName ?? reverted.signature ?? "no reason given";
  const [code, reason] = TOKEN_REFUSALS[name] ?? [
    "transfer_refused",
    `the token refuses the transfer (${name})`,
  ];
  const details = (reverted.data?.args ?? []).map(String).join(", ");
  return new PermanentError(code, details === "" ? reason : `${reason} (${details})`);
}
