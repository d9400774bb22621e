import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import {
  type Abi,
  type Address,
  BaseError,
  ContractFunctionRevertedError,
  createPublicClient,
  createWalletClient,
  getAddress,
  http,
  parseEther,
  parseUnits,
} from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { anvilBinary } from "../../../services/local/outside/chain/anvil-binary.ts";
import { ChainState } from "../../../services/local/outside/chain/chain-state.ts";
import { tokenIsCurrent } from "../../../services/local/outside/chain/compile-token.ts";
import artefact from "../../../services/local/outside/chain/duly-token.json" with { type: "json" };
import { ensureToken, REFUSED_RECIPIENT } from "../../../services/local/outside/chain/ensure-token.ts";
import { fundWallets } from "../../../services/local/outside/chain/fund-wallets.ts";
import { type Chain, startChain } from "../../../services/local/outside/chain/start-chain.ts";
import { temporaryFolder } from "./outside-process.ts";

const MNEMONIC = "legal winner thank year wave sausage worth useful legal winner thank yellow";
const STRANGER = getAddress("0x0000000000000000000000000000000000000abc");
const abi = artefact.abi as Abi;
const wallet = (addressIndex: number) => mnemonicToAccount(MNEMONIC, { addressIndex });

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let chain: Chain;

const start = () => startChain({ stateDir: join(folder.path, "chain"), port: 0 });
const reader = () =>
  createPublicClient({ chain: foundry, transport: http(chain.url), pollingInterval: 50, cacheTime: 0 });
const token = () =>
  ensureToken({ url: chain.url, mnemonic: MNEMONIC, stateFile: join(folder.path, "token.json") });
const balance = (address: Address, of: Address) =>
  reader().readContract({ address, abi, functionName: "balanceOf", args: [of] });
const stateFile = () => join(folder.path, "chain", "chain.json");

async function transfer(address: Address, to: Address, value: bigint): Promise<`0x${string}`> {
  const client = createWalletClient({ account: wallet(1), chain: foundry, transport: http(chain.url) });
  const hash = await client.writeContract({ address, abi, functionName: "transfer", args: [to, value] });
  const { status } = await reader().waitForTransactionReceipt({ hash });
  expect(status).toBe("success");
  return hash;
}

async function refusalOf(
  call: { address: Address; functionName: string; args: unknown[] },
  account: Address,
): Promise<string | undefined> {
  const refused = await reader()
    .simulateContract({ ...call, abi, account })
    .then(
      () => undefined,
      (error: unknown) => error,
    );
  const reverted =
    refused instanceof BaseError
      ? refused.walk((cause) => cause instanceof ContractFunctionRevertedError)
      : undefined;
  return reverted instanceof ContractFunctionRevertedError ? reverted.data?.errorName : undefined;
}

beforeEach(async () => {
  folder = await temporaryFolder();
  chain = await start();
});
afterEach(async () => {
  await chain.stop();
  await folder.remove();
});

describe("the token's artefact", () => {
  it("is what DulyToken.sol compiles to, bit for bit", () => {
    expect(tokenIsCurrent()).toBe(true);
  });
});

describe("the token", () => {
  it("moves money, refuses what it must by name, and is deployed once", async () => {
    const address = await token();
    expect(await token()).toBe(address);
    await fundWallets({ url: chain.url, mnemonic: MNEMONIC, tokenAddress: address, walletIndexes: [1, 2] });
    const [payer, other] = [wallet(1).address, wallet(2).address];

    await transfer(address, STRANGER, 25n);
    expect(await balance(address, STRANGER)).toBe(25n);
    expect(await balance(address, payer)).toBe(parseUnits("1000000", 6) - 25n);
    expect(await reader().readContract({ address, abi, functionName: "symbol" })).toBe("DUSD");
    expect(await reader().readContract({ address, abi, functionName: "decimals" })).toBe(6);

    const refused = (to: Address, value: bigint) =>
      refusalOf({ address, functionName: "transfer", args: [to, value] }, payer);
    expect(await refused(REFUSED_RECIPIENT, 1n)).toBe("RecipientRefused");
    expect(await refused(STRANGER, parseUnits("1000000", 6))).toBe("InsufficientBalance");
    expect(await refused("0x0000000000000000000000000000000000000000", 1n)).toBe("InvalidRecipient");
    expect(await refused(STRANGER, 1n)).toBeUndefined();

    const mint = { address, functionName: "mint", args: [payer, 1n] };
    expect(await refusalOf(mint, payer)).toBe("NotOwner");
    const pull = { address, functionName: "transferFrom", args: [payer, STRANGER, 1n] };
    expect(await refusalOf(pull, other)).toBe("InsufficientAllowance");
  });

  it("is deployed again on a chain that does not have it", async () => {
    const stateFile = join(folder.path, "token.json");
    await token();
    const remembered = JSON.parse(await readFile(stateFile, "utf8")) as object;
    await writeFile(stateFile, JSON.stringify({ ...remembered, address: STRANGER }));
    const address = await token();
    expect(address).not.toBe(STRANGER);
    expect(await reader().getCode({ address })).toMatch(/^0x6/);
  });
});

describe("funding the wallets", () => {
  it("tops up to the target and gives nothing to who has enough", async () => {
    const address = await token();
    const walletIndexes = Array.from({ length: 20 }, (_, index) => index + 1);
    const fund = () =>
      fundWallets({ url: chain.url, mnemonic: MNEMONIC, tokenAddress: address, walletIndexes });
    await fund();
    await transfer(address, STRANGER, 1_000n);
    await fund();
    await fund();
    const full = parseUnits("1000000", 6);
    const balances = await Promise.all(walletIndexes.map((index) => balance(address, wallet(index).address)));
    expect(balances).toEqual(walletIndexes.map(() => full));
    const supply = await reader().readContract({ address, abi, functionName: "totalSupply" });
    expect(supply).toBe(full * 20n + 1_000n);
    expect(await reader().getBalance({ address: wallet(20).address })).toBe(parseEther("1000"));
  });
});

describe("the chain", () => {
  it("makes a block each second by itself", async () => {
    const heights: bigint[] = [];
    const { promise: three, resolve } = Promise.withResolvers<undefined>();
    const stop = reader().watchBlockNumber({
      onBlockNumber: (height) => {
        heights.push(height);
        if (heights.length === 3) resolve(undefined);
      },
    });
    const started = performance.now();
    await three;
    stop();
    expect(performance.now() - started).toBeGreaterThan(1_000);
    expect(heights[2]).toBe(heights[0]! + 2n);
  });

  it("goes on where it was after it is stopped", async () => {
    const address = await token();
    await fundWallets({ url: chain.url, mnemonic: MNEMONIC, tokenAddress: address, walletIndexes: [1] });
    const hash = await transfer(address, STRANGER, 7n);
    const height = await reader().getBlockNumber();
    await chain.stop();
    await chain.stop();
    chain = await start();
    expect(await token()).toBe(address);
    expect(await balance(address, STRANGER)).toBe(7n);
    expect((await reader().getTransactionReceipt({ hash })).status).toBe("success");
    expect(await reader().getBlockNumber()).toBeGreaterThanOrEqual(height);
    await transfer(address, STRANGER, 1n);
    expect(await balance(address, STRANGER)).toBe(8n);
  });

  it("drops old blocks without transactions, never one with, when it starts", async () => {
    const address = await token();
    await fundWallets({ url: chain.url, mnemonic: MNEMONIC, tokenAddress: address, walletIndexes: [1] });
    const hash = await transfer(address, STRANGER, 7n);
    await reader().request({ method: "anvil_mine" as never, params: ["0x190"] as never });
    await chain.stop();
    const blocks = async () =>
      (JSON.parse(await readFile(stateFile(), "utf8")) as { blocks: unknown[] }).blocks.length;
    expect(await blocks()).toBeGreaterThan(400);
    expect(await new ChainState(stateFile()).prepare()).toBe("kept");
    expect(await blocks()).toBeLessThan(270);
    chain = await start();
    const { blockNumber } = await reader().getTransactionReceipt({ hash });
    expect((await reader().getBlock({ blockNumber })).transactions).toContain(hash);
    expect((await reader().getLogs({ address, fromBlock: 0n })).map((log) => log.transactionHash)).toContain(
      hash,
    );
    await transfer(address, STRANGER, 1n);
    expect(await balance(address, STRANGER)).toBe(8n);
  });

  it("takes the whole copy of its state when a kill left half a file", async () => {
    const address = await token();
    await chain.stop();
    chain = await start();
    process.kill(chain.pid, "SIGKILL");
    await chain.stop();
    await truncate(stateFile(), 5_000);
    chain = await start();
    expect(await token()).toBe(address);
  });

  it("puts a state that nobody can read aside, says so, and begins anew", async () => {
    await chain.stop();
    await writeFile(stateFile(), '{"blocks":[');
    await writeFile(`${stateFile()}.whole`, "");
    const told: string[] = [];
    chain = await startChain({
      stateDir: join(folder.path, "chain"),
      port: 0,
      onProgress: (text) => told.push(text),
    });
    expect(told.join("\n")).toContain("could not be read and begins anew");
    expect(existsSync(`${stateFile()}.torn`)).toBe(true);
  });

  it("keeps a whole copy of its state while it runs", async () => {
    await expect
      .poll(() => existsSync(`${stateFile()}.whole`), { timeout: 15_000, interval: 100 })
      .toBe(true);
    const copy = JSON.parse(await readFile(`${stateFile()}.whole`, "utf8")) as { best_block_number: number };
    expect(copy.best_block_number).toBeGreaterThan(0);
  });

  it("says in one sentence that its port is in use", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    await expect(startChain({ stateDir: join(folder.path, "other"), port })).rejects.toThrow(
      `Port ${port} on 127.0.0.1 is in use`,
    );
    other.close();
  });

  it("says what to do on a machine without its binary", () => {
    expect(() => anvilBinary("linux", "arm64")).toThrow("Run `npm ci --include=optional`");
    expect(() => anvilBinary("linux", "riscv64")).toThrow("no binary for linux-riscv64");
  });
});
