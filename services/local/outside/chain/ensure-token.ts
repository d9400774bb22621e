import { readFile, rename, writeFile } from "node:fs/promises";
import {
  type Address,
  getAddress,
  getContractAddress,
  type Hex,
  isAddressEqual,
  keccak256,
  parseEther,
} from "viem";
import { z } from "zod";
import { isErrno } from "../../setup-error.ts";
import { type ChainClient, chainClient } from "./chain-client.ts";
import artefact from "./duly-token.json" with { type: "json" };
import { TOKEN_ABI } from "./token-abi.ts";

/** The recipient of the demo to whom every transfer reverts. */
export const REFUSED_RECIPIENT: Address = "0x000000000000000000000000000000000000dEaD";

const BYTECODE = artefact.bytecode as Hex;
const OWNER_ETH = parseEther("1000");
const SET_REFUSED_GAS = 100_000n;

const Remembered = z.object({
  address: z.string().transform((text) => getAddress(text)),
  bytecodeHash: z.string(),
});

/** Which chain, whose token, and where its address is remembered. */
export interface TokenOptions {
  readonly url: string;
  readonly mnemonic: string;
  readonly stateFile: string;
}

/**
 * Resolves to the address of the Duly Dollar on this chain, deployed once by wallet 0 of the mnemonic.
 * Idempotent: a token is deployed again only when the chain no longer has the remembered one, when the mnemonic or
 * when DulyToken.sol has changed. The demo's refused recipient is marked at once.
 */
export async function ensureToken({ url, mnemonic, stateFile }: TokenOptions): Promise<Address> {
  const client = chainClient(url, mnemonic);
  const remembered = await readAddress(stateFile);
  const isThere = remembered !== undefined && (await isOurs(client, remembered));
  const address = isThere ? remembered : await deploy(client);
  if (!isThere) await remember(stateFile, address);
  return address;
}

async function readAddress(stateFile: string): Promise<Address | undefined> {
  try {
    const { success, data } = Remembered.safeParse(JSON.parse(await readFile(stateFile, "utf8")));
    return success && data.bytecodeHash === keccak256(BYTECODE) ? data.address : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function remember(stateFile: string, address: Address): Promise<void> {
  const text = JSON.stringify({ address, bytecodeHash: keccak256(BYTECODE) });
  await writeFile(`${stateFile}.next`, `${text}\n`);
  await rename(`${stateFile}.next`, stateFile);
}

async function isOurs(client: ChainClient, address: Address): Promise<boolean> {
  if ((await client.getCode({ address })) === undefined) return false;
  const owner = await client.readContract({ address, abi: TOKEN_ABI, functionName: "owner" });
  return isAddressEqual(owner, client.account.address);
}

// Both transactions go into one block: the token's address follows from the owner's and the nonce.
async function deploy(client: ChainClient): Promise<Address> {
  const from = client.account.address;
  await client.setBalance({ address: from, value: OWNER_ETH });
  const nonce = await client.getTransactionCount({ address: from, blockTag: "pending" });
  const address = getContractAddress({ from, nonce: BigInt(nonce) });
  const hashes = [
    await client.deployContract({ abi: TOKEN_ABI, bytecode: BYTECODE, nonce }),
    await client.writeContract({
      address,
      abi: TOKEN_ABI,
      functionName: "setRefused",
      args: [REFUSED_RECIPIENT, true],
      nonce: nonce + 1,
      gas: SET_REFUSED_GAS,
    }),
  ];
  const receipts = await Promise.all(hashes.map((hash) => client.waitForTransactionReceipt({ hash })));
  const failed = receipts.find(({ status }) => status !== "success");
  if (failed !== undefined)
    throw new Error(`The token was not deployed (transaction ${failed.transactionHash}).`);
  return address;
}
