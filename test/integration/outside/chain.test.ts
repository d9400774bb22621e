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
import { describe, expect, test } from "vitest";
import { anvilBinary } from "../../../services/local/outside/chain/anvil-binary.ts";
import { ChainState } from "../../../services/local/outside/chain/chain-state.ts";
import { tokenIsCurrent } from "../../../services/local/outside/chain/compile-token.ts";
import artefact from "../../../services/local/outside/chain/duly-token.json" with { type: "json" };
import { ensureToken, REFUSED_RECIPIENT } from "../../../services/local/outside/chain/ensure-token.ts";
import { fundWallets } from "../../../services/local/outside/chain/fund-wallets.ts";
import { startChain } from "../../../services/local/outside/chain/start-chain.ts";
import { findFreePortRow } from "../../support/free-port-row.ts";
import { temporaryFolder } from "./outside-process.ts";

const MNEMONIC = "legal winner thank year wave sausage worth useful legal winner thank yellow";
const STRANGER = getAddress("0x0000000000000000000000000000000000000abc");
const abi = artefact.abi as Abi;
const wallet = (addressIndex: number) => mnemonicToAccount(MNEMONIC, { addressIndex });

/** A chain of one test's own, in a folder of its own. */
async function makePlace() {
  const folder = await temporaryFolder();
  const stateDir = join(folder.path, "chain");
  const tokenFile = join(folder.path, "token.json");
  const { chain: port } = (await findFreePortRow()).ports;
  const begin = (onProgress?: (text: string) => void) =>
    startChain({ stateDir, port, ...(onProgress === undefined ? {} : { onProgress }) });
  let chain = await begin();
  const reader = () =>
    createPublicClient({ chain: foundry, transport: http(chain.url), pollingInterval: 50, cacheTime: 0 });
  return {
    folder: folder.path,
    tokenFile,
    stateFile: join(stateDir, "chain.json"),
    stop: () => chain.stop(),
    start: async (onProgress?: (text: string) => void) => void (chain = await begin(onProgress)),
    kill: () => process.kill(chain.pid, "SIGKILL"),
    reader,
    token: () => ensureToken({ url: chain.url, mnemonic: MNEMONIC, stateFile: tokenFile }),
    fund: (tokenAddress: Address, walletIndexes: readonly number[]) =>
      fundWallets({ url: chain.url, mnemonic: MNEMONIC, tokenAddress, walletIndexes }),
    balance: (address: Address, of: Address) =>
      reader().readContract({ address, abi, functionName: "balanceOf", args: [of] }),
    transfer: async (address: Address, to: Address, value: bigint): Promise<`0x${string}`> => {
      const client = createWalletClient({ account: wallet(1), chain: foundry, transport: http(chain.url) });
      const hash = await client.writeContract({ address, abi, functionName: "transfer", args: [to, value] });
      const { status } = await reader().waitForTransactionReceipt({ hash });
      expect(status).toBe("success");
      return hash;
    },
    refusalOf: async (
      call: { address: Address; functionName: string; args: unknown[] },
      account: Address,
    ): Promise<string | undefined> => {
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
    },
    remove: async () => {
      await chain.stop();
      await folder.remove();
    },
  };
}

// Side by side: each waits for the blocks of its own chain, of which there is one a second.
const it = test.extend("place", async ({ task: _ }, { onCleanup }) => {
  const place = await makePlace();
  onCleanup(() => place.remove());
  return place;
});

describe("the token's artefact", () => {
  it("is what DulyToken.sol compiles to, bit for bit", () => {
    expect(tokenIsCurrent()).toBe(true);
  });
});

describe.concurrent("the token", () => {
  it("moves money, refuses what it must by name, and is deployed once", async ({ place }) => {
    const address = await place.token();
    expect(await place.token()).toBe(address);
    await place.fund(address, [1, 2]);
    const [payer, other] = [wallet(1).address, wallet(2).address];

    await place.transfer(address, STRANGER, 25n);
    expect(await place.balance(address, STRANGER)).toBe(25n);
    expect(await place.balance(address, payer)).toBe(parseUnits("1000000", 6) - 25n);
    expect(await place.reader().readContract({ address, abi, functionName: "symbol" })).toBe("DUSD");
    expect(await place.reader().readContract({ address, abi, functionName: "decimals" })).toBe(6);

    const refused = (to: Address, value: bigint) =>
      place.refusalOf({ address, functionName: "transfer", args: [to, value] }, payer);
    expect(await refused(REFUSED_RECIPIENT, 1n)).toBe("RecipientRefused");
    expect(await refused(STRANGER, parseUnits("1000000", 6))).toBe("InsufficientBalance");
    expect(await refused("0x0000000000000000000000000000000000000000", 1n)).toBe("InvalidRecipient");
    expect(await refused(STRANGER, 1n)).toBeUndefined();

    const mint = { address, functionName: "mint", args: [payer, 1n] };
    expect(await place.refusalOf(mint, payer)).toBe("NotOwner");
    const pull = { address, functionName: "transferFrom", args: [payer, STRANGER, 1n] };
    expect(await place.refusalOf(pull, other)).toBe("InsufficientAllowance");
  });

  it("is deployed again on a chain that does not have it", async ({ place }) => {
    const stateFile = place.tokenFile;
    await place.token();
    const remembered = JSON.parse(await readFile(stateFile, "utf8")) as object;
    await writeFile(stateFile, JSON.stringify({ ...remembered, address: STRANGER }));
    const address = await place.token();
    expect(address).not.toBe(STRANGER);
    expect(await place.reader().getCode({ address })).toMatch(/^0x6/);
  });
});

describe.concurrent("funding the wallets", () => {
  it("tops up to the target and gives nothing to who has enough", async ({ place }) => {
    const address = await place.token();
    const walletIndexes = Array.from({ length: 20 }, (_, index) => index + 1);
    const fund = () => place.fund(address, walletIndexes);
    await fund();
    await place.transfer(address, STRANGER, 1_000n);
    await fund();
    await fund();
    const full = parseUnits("1000000", 6);
    const balances = await Promise.all(
      walletIndexes.map((index) => place.balance(address, wallet(index).address)),
    );
    expect(balances).toEqual(walletIndexes.map(() => full));
    const supply = await place.reader().readContract({ address, abi, functionName: "totalSupply" });
    expect(supply).toBe(full * 20n + 1_000n);
    expect(await place.reader().getBalance({ address: wallet(20).address })).toBe(parseEther("1000"));
  });
});

describe.concurrent("the chain", () => {
  it("makes a block each second by itself", async ({ place }) => {
    const heights: bigint[] = [];
    const { promise: three, resolve } = Promise.withResolvers<undefined>();
    const stop = place.reader().watchBlockNumber({
      emitMissed: true, // when this process was busy for more than a second
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

  it("goes on where it was after it is stopped", async ({ place }) => {
    const address = await place.token();
    await place.fund(address, [1]);
    const hash = await place.transfer(address, STRANGER, 7n);
    const height = await place.reader().getBlockNumber();
    await place.stop();
    await place.stop();
    await place.start();
    expect(await place.token()).toBe(address);
    expect(await place.balance(address, STRANGER)).toBe(7n);
    expect((await place.reader().getTransactionReceipt({ hash })).status).toBe("success");
    expect(await place.reader().getBlockNumber()).toBeGreaterThanOrEqual(height);
    await place.transfer(address, STRANGER, 1n);
    expect(await place.balance(address, STRANGER)).toBe(8n);
  });

  it("drops old blocks without transactions, never one with, when it starts", async ({ place }) => {
    const address = await place.token();
    await place.fund(address, [1]);
    const hash = await place.transfer(address, STRANGER, 7n);
    await place.reader().request({ method: "anvil_mine" as never, params: ["0x190"] as never });
    await place.stop();
    const blocks = async () =>
      (JSON.parse(await readFile(place.stateFile, "utf8")) as { blocks: unknown[] }).blocks.length;
    expect(await blocks()).toBeGreaterThan(400);
    expect(await new ChainState(place.stateFile).prepare()).toBe("kept");
    expect(await blocks()).toBeLessThan(270);
    await place.start();
    const { blockNumber } = await place.reader().getTransactionReceipt({ hash });
    expect((await place.reader().getBlock({ blockNumber })).transactions).toContain(hash);
    expect(
      (await place.reader().getLogs({ address, fromBlock: 0n })).map((log) => log.transactionHash),
    ).toContain(hash);
    await place.transfer(address, STRANGER, 1n);
    expect(await place.balance(address, STRANGER)).toBe(8n);
  });

  it("takes the whole copy of its state when a kill left half a file", async ({ place }) => {
    const address = await place.token();
    await place.stop();
    await place.start();
    place.kill();
    await place.stop();
    await truncate(place.stateFile, 5_000);
    await place.start();
    expect(await place.token()).toBe(address);
  });

  it("puts a state that nobody can read aside, says so, and begins anew", async ({ place }) => {
    await place.stop();
    await writeFile(place.stateFile, '{"blocks":[');
    await writeFile(`${place.stateFile}.whole`, "");
    const told: string[] = [];
    await place.start((text) => told.push(text));
    expect(told.join("\n")).toContain("could not be read and begins anew");
    expect(existsSync(`${place.stateFile}.torn`)).toBe(true);
  });

  // Its own expect: polling has to know which of the tests side by side it belongs to.
  it("keeps a whole copy of its state while it runs", async ({ place, expect }) => {
    await expect
      .poll(() => existsSync(`${place.stateFile}.whole`), { timeout: 15_000, interval: 100 })
      .toBe(true);
    const copy = JSON.parse(await readFile(`${place.stateFile}.whole`, "utf8")) as {
      best_block_number: number;
    };
    expect(copy.best_block_number).toBeGreaterThan(0);
  });

  it("says in one sentence that its port is in use", async ({ place }) => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    await expect(startChain({ stateDir: join(place.folder, "other"), port })).rejects.toThrow(
      `Port ${port} on 127.0.0.1 is in use`,
    );
    other.close();
  });

  it("says what to do on a machine without its binary", () => {
    expect(() => anvilBinary("linux", "arm64")).toThrow("Run `npm ci --include=optional`");
    expect(() => anvilBinary("linux", "riscv64")).toThrow("no binary for linux-riscv64");
  });
});
