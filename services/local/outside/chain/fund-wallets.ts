import { type Address, parseEther, parseUnits } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { type ChainClient, chainClient, OWNER_INDEX } from "./chain-client.ts";
import { TOKEN_ABI } from "./token-abi.ts";

const TARGET_ETH = parseEther("1000");
const TARGET_TOKENS = parseUnits("1000000", 6);
const MINT_GAS = 100_000n;

/** Which wallets of the mnemonic get money. */
export interface FundOptions {
  readonly url: string;
  readonly mnemonic: string;
  readonly tokenAddress: Address;
  readonly walletIndexes: readonly number[];
}

/**
 * Tops the wallets, and the token's owner, up to 1000 ETH, and the wallets to 1 000 000 DUSD.
 * Idempotent: who has enough keeps what he has. Resolves when the mints are on chain.
 */
export async function fundWallets(options: FundOptions): Promise<void> {
  const client = chainClient(options.url, options.mnemonic);
  const indexes = [...new Set([OWNER_INDEX, ...options.walletIndexes])];
  const wallets = indexes.map(
    (addressIndex) => mnemonicToAccount(options.mnemonic, { addressIndex }).address,
  );
  await Promise.all(wallets.map((address) => topUpEther(client, address)));

  const payers = wallets.filter((_, position) => options.walletIndexes.includes(indexes[position] ?? -1));
  const balances = await Promise.all(payers.map((payer) => balanceOf(client, options.tokenAddress, payer)));
  const mints = payers
    .map((to, position) => ({ to, missing: TARGET_TOKENS - (balances[position] ?? 0n) }))
    .filter(({ missing }) => missing > 0n);
  await mintAll(client, options.tokenAddress, mints);
}

async function topUpEther(client: ChainClient, address: Address): Promise<void> {
  if ((await client.getBalance({ address })) < TARGET_ETH)
    await client.setBalance({ address, value: TARGET_ETH });
}

function balanceOf(client: ChainClient, token: Address, account: Address): Promise<bigint> {
  return client.readContract({ address: token, abi: TOKEN_ABI, functionName: "balanceOf", args: [account] });
}

// The nonces are given out here, so that all mints go into the same block or two.
async function mintAll(
  client: ChainClient,
  token: Address,
  mints: readonly { to: Address; missing: bigint }[],
): Promise<void> {
  const first = await client.getTransactionCount({ address: client.account.address, blockTag: "pending" });
  const call = { address: token, abi: TOKEN_ABI, functionName: "mint", gas: MINT_GAS } as const;
  const hashes = await Promise.all(
    mints.map(({ to, missing }, position) =>
      client.writeContract({ ...call, args: [to, missing], nonce: first + position }),
    ),
  );
  const receipts = await Promise.all(hashes.map((hash) => client.waitForTransactionReceipt({ hash })));
  const failed = receipts.find(({ status }) => status !== "success");
  if (failed !== undefined)
    throw new Error(`A wallet got no tokens (transaction ${failed.transactionHash}).`);
}
