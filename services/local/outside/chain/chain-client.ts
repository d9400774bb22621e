import { createTestClient, http, publicActions, walletActions } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { foundry } from "viem/chains";

/** The wallet of the mnemonic that deploys the token and mints. */
export const OWNER_INDEX = 0;

/** Makes a client of the local chain that signs as the token's owner and may also give out ETH from nowhere. */
export function chainClient(url: string, mnemonic: string) {
  const account = mnemonicToAccount(mnemonic, { addressIndex: OWNER_INDEX });
  const transport = http(url, { batch: true, retryCount: 1 });
  return createTestClient({
    mode: "anvil",
    chain: foundry,
    account,
    transport,
    pollingInterval: 100,
    cacheTime: 0,
  })
    .extend(publicActions)
    .extend(walletActions);
}

/** What `chainClient` makes. */
export type ChainClient = ReturnType<typeof chainClient>;
