import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { erc20Abi } from "viem";
import { afterAll } from "vitest";
import { ExecutePayment } from "#shared/contracts/payments.ts";
import type { Database } from "#shared/index.ts";
import { anvilBinary } from "../../../services/local/outside/chain/anvil-binary.ts";
import { chainClient } from "../../../services/local/outside/chain/chain-client.ts";
import { ensureToken } from "../../../services/local/outside/chain/ensure-token.ts";
import { fundWallets } from "../../../services/local/outside/chain/fund-wallets.ts";
import type { Hex } from "../../../services/payments/chain/address.ts";
import { ChainClient } from "../../../services/payments/chain/chain-client.ts";
import { Wallet } from "../../../services/payments/chain/wallet.ts";
import type { PaymentsDatabase, PaymentsTables, TransferState } from "../../../services/payments/tables.ts";
import {
  TransferGateway,
  type TransferOrder,
} from "../../../services/payments/transfers/transfer-gateway.ts";
import { serviceDatabase } from "../../support/service-database.ts";

const MNEMONIC = "test test test test test test test test test test test junk";
// Quick to notice a block and a lost transfer: nothing else depends on it.
const PATIENCE = { lookEveryMs: 20, unblockAfterMs: 200, findForMs: 500 };

/** One payer with money of his own, so that tests do not touch each other's nonces. */
export interface Payer {
  readonly id: string;
  readonly index: number;
  readonly address: Hex;
}

/** A database, a chain that makes a block for each transaction, the token on it, and makers of all that is needed. */
export async function paymentsWorld() {
  const { db, open, url: databaseUrl } = await serviceDatabase("payments", [ExecutePayment]);
  const { url, child } = await startAnvil();
  const folder = await mkdtemp(join(tmpdir(), "duly-payments-"));
  afterAll(async () => {
    child.kill("SIGKILL");
    await once(child, "exit");
    await rm(folder, { recursive: true });
  });
  const node = chainClient(url, MNEMONIC);
  const token = await ensureToken({ url, mnemonic: MNEMONIC, stateFile: join(folder, "token.json") });
  const wallet = new Wallet(MNEMONIC);
  const own = db.$extendTables<PaymentsTables>();
  await own
    .insertInto("payments.tokens")
    .values({ symbol: "DUSD", address: token, decimals: 6, usd_rate: "1" })
    .execute();

  let payers = 0;
  const strange = (): Hex => `0x${randomUUID().replaceAll("-", "").padStart(40, "0")}`;

  return {
    db,
    own,
    databaseUrl,
    chainUrl: url,
    mnemonic: MNEMONIC,
    token,
    node,
    wallet,
    strange,

    /** A payer of this test's own; with nothing, unless it is to be funded. */
    payer: async (funded = true): Promise<Payer> => {
      const index = 100 + (payers += 1);
      if (funded) await fundWallets({ url, mnemonic: MNEMONIC, tokenAddress: token, walletIndexes: [index] });
      const payer = { id: `payer-${index}`, index, address: wallet.addressOf(index) };
      const row = { id: payer.id, name: payer.id, wallet_index: index, address: payer.address };
      await own.insertInto("payments.users").values(row).execute();
      return payer;
    },

    /** A gateway with a pool of its own, as another process would have; `chain` unless the real one is meant. */
    gateway: (chain: ChainClient = new ChainClient(url), connections = 5) => {
      const pool: Database = open(connections);
      const parts = { db: pool.$extendTables<PaymentsTables>(), chain, wallet, patience: PATIENCE };
      return new TransferGateway(parts);
    },

    /** A stored payment. */
    order: async (payer: Payer, amount = 1_000_000n, recipient: Hex = strange()): Promise<TransferOrder> => {
      const row = await own
        .insertInto("payments.payments")
        .values({
          reference: randomUUID(),
          payer: payer.id,
          recipient,
          amount: String(amount),
          currency: "DUSD",
          method: "erc20",
          urgent: false,
          scheduled_for: new Date(),
          scheduled_for_given: "",
        })
        .returning("id")
        .executeTakeFirstOrThrow();
      const jobId = randomUUID();
      const intentKey = `${jobId}.1`;
      return { paymentId: row.id, jobId, intentKey, walletIndex: payer.index, token, recipient, amount };
    },

    balanceOf: (address: Hex) =>
      node.readContract({ address: token, abi: erc20Abi, functionName: "balanceOf", args: [address] }),

    transfersOf: (payer: Payer): Promise<StoredTransfer[]> => transfersOf(own, payer),
  };
}

interface StoredTransfer {
  readonly hash: string;
  readonly nonce: number;
  readonly state: TransferState;
}

async function transfersOf(db: PaymentsDatabase, payer: Payer): Promise<StoredTransfer[]> {
  const rows = await db
    .selectFrom("payments.transfers")
    .select(["hash", "nonce", "state"])
    .where("payer", "=", payer.address)
    .orderBy("created_at")
    .execute();
  return rows.map((row) => ({ ...row, nonce: Number(row.nonce) }));
}

async function startAnvil(): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(anvilBinary(), ["--port", "0", "--accounts", "1"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const address = /Listening on ([\d.:]+)/.exec(line)?.[1];
    if (address === undefined) continue;
    child.stdout.resume();
    return { url: `http://${address}`, child };
  }
  throw new Error("anvil ended before it listened");
}
