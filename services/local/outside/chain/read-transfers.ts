import { createPublicClient, erc20Abi, formatUnits, getAddress, http } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { foundry } from "viem/chains";

// As in DulyToken.sol.
const DECIMALS = 6;

/** One movement of the token, as the chain tells it. */
export interface TokenTransfer {
  readonly transactionHash: string;
  /** Address of the wallet that paid, in its checksummed spelling. */
  readonly payer: string;
  readonly recipient: string;
  /** Decimal without trailing zeros. */
  readonly amount: string;
}

/** Where a chain answers and which of its tokens is looked at. */
export interface TokenPlace {
  readonly chainUrl: string;
  readonly tokenAddress: string;
}

/** Resolves to the number of the newest block. */
export function newestBlock({ chainUrl }: TokenPlace): Promise<bigint> {
  return clientOf(chainUrl).getBlockNumber({ cacheTime: 0 });
}

/** Reads every Transfer event of the token in the blocks behind `block`. */
export async function readTransfers(
  { chainUrl, tokenAddress }: TokenPlace,
  block: bigint,
): Promise<TokenTransfer[]> {
  const events = await clientOf(chainUrl).getContractEvents({
    address: getAddress(tokenAddress),
    abi: erc20Abi,
    eventName: "Transfer",
    fromBlock: block + 1n,
    strict: true,
  });
  return events.map(({ transactionHash, args }) => ({
    transactionHash,
    payer: args.from,
    recipient: args.to,
    amount: formatUnits(args.value, DECIMALS),
  }));
}

/** The address of one wallet of a mnemonic, in its checksummed spelling. */
export function walletAddress(mnemonic: string, addressIndex: number): string {
  return mnemonicToAccount(mnemonic, { addressIndex }).address;
}

function clientOf(chainUrl: string) {
  return createPublicClient({ chain: foundry, transport: http(chainUrl) });
}
