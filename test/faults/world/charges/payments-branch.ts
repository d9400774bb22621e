import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { sql } from "kysely";
import { ensureToken, REFUSED_RECIPIENT } from "../../../../services/local/outside/chain/ensure-token.ts";
import { fundWallets } from "../../../../services/local/outside/chain/fund-wallets.ts";
import {
  newestBlock,
  readTransfers,
  walletAddress,
} from "../../../../services/local/outside/chain/read-transfers.ts";
import { startChain } from "../../../../services/local/outside/chain/start-chain.ts";
import { runNodeProgram } from "../../../../services/local/processes/node-program.ts";
import { makeSecrets } from "../../../../services/local/stack/secrets.ts";
import { findFreePortRow } from "../../../support/free-port-row.ts";
import type { Round } from "../../scenario.ts";
import type { KeptProcess } from "../kept-process.ts";
import { type Link, layLink } from "../link.ts";
import { type CardProcessor, startCardProcessor } from "./card-processor.ts";
import { type ChainProxy, startChainProxy } from "./chain-proxy.ts";
import type { ChargesEvidence, Taking } from "./judge-charges.ts";
import { decimal, type Order, PAYERS, writeOrders } from "./orders.ts";
import { readLedgerSums, readPaymentFates } from "./read-fates.ts";

/** The payments service with its card processor and its chain, for one round. */
export interface PaymentsBranch {
  readonly processes: readonly KeptProcess[];
  readonly cards: CardProcessor;
  readonly chain: ChainProxy;
  /** The ways from the service to its servers, to the card processor and to the chain. */
  readonly links: readonly Link[];
  /** Hands the orders to the importer. */
  readonly importOrders: (orders: readonly Order[]) => Promise<void>;
  readonly evidence: (orders: readonly Order[]) => Promise<ChargesEvidence>;
  readonly stop: () => Promise<void>;
}

const READY_MS = 60_000;

/** Opens it anew, with keys of its own, so that nothing of an earlier round is on its chain. */
export async function openPaymentsBranch({ world, name, random }: Round): Promise<PaymentsBranch> {
  const folder = join(world.folder, name.replace("/", "-"));
  mkdirSync(folder, { recursive: true });
  const { mnemonic, cardsKey } = makeSecrets();
  const stateDir = join(folder, "chain");
  const { chain: port } = (await findFreePortRow()).ports;
  const [cards, anvil] = await Promise.all([
    startCardProcessor(join(folder, "cards.jsonl"), { key: cardsKey, stackDir: world.folder }),
    startChain({ stateDir, port, stackDir: world.folder }),
  ]);
  const tokenAddress = await ensureToken({
    url: anvil.url,
    mnemonic,
    stateFile: join(stateDir, "token.json"),
  });
  const walletIndexes = PAYERS.map(({ walletIndex }) => walletIndex);
  await fundWallets({ url: anvil.url, mnemonic, tokenAddress, walletIndexes });
  const place = { chainUrl: anvil.url, tokenAddress };
  const firstBlock = await newestBlock(place);
  const chain = await startChainProxy(anvil.url, random);
  const [toCards, toChain] = await Promise.all([
    layLink("payments to the card processor", cards.url),
    layLink("payments to the chain", chain.url),
  ]);

  const env = {
    CHAIN_URL: toChain.url,
    CHAIN_MNEMONIC: mnemonic,
    CARDS_URL: toCards.url,
    CARDS_KEY: cardsKey,
  };
  const straight = { ...env, DATABASE_URL: world.databaseUrl, AMQP_URL: world.broker.url };
  // Cards of a processor that is no more.
  await sql`delete from payments.cards`.execute(world.db);
  await runNodeProgram("services/payments/commands/seed.ts", [], {
    ...straight,
    TOKEN_ADDRESS: tokenAddress,
  });
  const service = { name: "payments", file: "services/payments/main.ts", instances: 2, env };
  const processes = await world.join(service);
  await Promise.all(processes.map((each) => each.isReady(READY_MS)));

  const payerOf = new Map(
    PAYERS.map(({ id, walletIndex }) => [walletAddress(mnemonic, walletIndex), id] as const),
  );
  const transfersOf = async (orders: readonly Order[]): Promise<Taking[]> => {
    const keyOf = (payer: string, recipient: string) => `${payer} ${recipient.toLowerCase()}`;
    const ordered = new Map(orders.map((order) => [keyOf(order.payer, order.recipient), order]));
    const found = await readTransfers(place, firstBlock);
    return found.map(({ transactionHash, payer, recipient, amount }) => {
      const order = ordered.get(keyOf(payerOf.get(payer) ?? "", recipient));
      const common = { took: true, currency: "DUSD", what: `transfer ${transactionHash}` };
      const wanted = order?.amount ?? 0n;
      const isRight = order !== undefined && amount === decimal(wanted, "DUSD");
      return { ...common, reference: order?.reference, amount: isRight ? wanted : -1n };
    });
  };
  return {
    processes,
    cards,
    chain,
    links: [world.link("payments", "postgres"), world.link("payments", "rabbitmq"), toCards, toChain],
    importOrders: async (orders) => {
      const file = join(folder, "payments.csv");
      writeOrders(file, orders);
      await runNodeProgram("services/cli/main.ts", ["import", "payments", file], straight);
    },
    evidence: async (orders) => {
      const [fates, ledgerSums, charges, transfers] = await Promise.all([
        readPaymentFates(world.db, name),
        readLedgerSums(world.db),
        cards.takings(),
        transfersOf(orders),
      ]);
      const refuses = (recipient: string) => recipient === REFUSED_RECIPIENT.toLowerCase();
      return { orders, fates, ledgerSums, takings: [...charges, ...transfers], refuses };
    },
    stop: async () => {
      await Promise.all(processes.map((each) => each.stop()));
      await Promise.all([toCards.close(), toChain.close()]);
      await Promise.all([cards.stop(), chain.stop()]);
      await anvil.stop();
    },
  };
}
