import { openDatabase } from "#shared/database/database.ts";
import { runService } from "#shared/index.ts";
import { ChainClient } from "./chain/chain-client.ts";
import { Wallet } from "./chain/wallet.ts";
import { PaymentsConfig } from "./config.ts";
import { paymentsConsumer, WORKERS } from "./consumer.ts";
import type { PaymentsTables } from "./tables.ts";
import { TransferGateway } from "./transfers/transfer-gateway.ts";

// One for each payer whose nonces are in work at once; never the engine's, which must go on when the chain is slow.
const CONNECTIONS = 10;

await runService("payments", PaymentsConfig, ({ config, log, consume, onStop }) => {
  const pool = openDatabase({
    url: config.DATABASE_URL,
    name: "duly payments chain",
    connections: CONNECTIONS,
    log,
  });
  onStop(() => pool.destroy());
  const db = pool.$extendTables<PaymentsTables>();
  const chain = new ChainClient(config.CHAIN_URL);
  const gateway = new TransferGateway({ db, chain, wallet: new Wallet(config.CHAIN_MNEMONIC) });
  consume(paymentsConsumer(db, gateway), { workers: WORKERS });
  return Promise.resolve();
});
