import { runService } from "#shared/index.ts";
import { ChainClient } from "./chain/chain-client.ts";
import { Wallet } from "./chain/wallet.ts";
import { PaymentsConfig } from "./config.ts";
import { paymentsConsumer, WORKERS } from "./consumer.ts";
import type { PaymentsTables } from "./tables.ts";
import { TransferGateway } from "./transfers/transfer-gateway.ts";

await runService("payments", PaymentsConfig, async ({ config, db, consume }) => {
  const own = db.$extendTables<PaymentsTables>();
  const chain = new ChainClient(config.CHAIN_URL);
  const gateway = new TransferGateway({ db: own, chain, wallet: new Wallet(config.CHAIN_MNEMONIC) });
  consume(paymentsConsumer(own, gateway), { workers: WORKERS });
});
