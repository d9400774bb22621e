import { openDatabase } from "#shared/database/database.ts";
import { type Priority, runService } from "#shared/index.ts";
import { CardClient } from "./cards/card-client.ts";
import { CardGateway } from "./cards/card-gateway.ts";
import { ChainClient } from "./chain/chain-client.ts";
import { Wallet } from "./chain/wallet.ts";
import { PaymentsConfig } from "./config.ts";
import { payments, WORKERS } from "./consumer.ts";
import type { PaymentsTables } from "./tables.ts";
import { TransferGateway } from "./transfers/transfer-gateway.ts";

// One for each payer whose nonces are in work at once; never the engine's, which must go on when the chain is slow.
const CONNECTIONS = 10;

await runService("payments", PaymentsConfig, async ({ config, log, consume, onStop }) => {
  const chain = new ChainClient(config.CHAIN_URL);
  const wallet = new Wallet(config.CHAIN_MNEMONIC);
  const gateways = new Map<Priority, TransferGateway>();
  // A gateway holds its payer's lock while it talks to the chain: connections of its own for each priority, opened
  // when first used, so that none waits for a lower one's.
  const gatewayOf = (priority: Priority): TransferGateway => {
    const known = gateways.get(priority);
    if (known !== undefined) return known;
    const name = `duly payments.${priority} chain`;
    const pool = openDatabase({ url: config.DATABASE_URL, name, connections: CONNECTIONS, log });
    onStop(() => pool.destroy());
    const gateway = new TransferGateway({ db: pool.$extendTables<PaymentsTables>(), chain, wallet });
    gateways.set(priority, gateway);
    return gateway;
  };
  const cards = new CardGateway(new CardClient({ url: config.CARDS_URL, key: config.CARDS_KEY }));
  consume(payments(gatewayOf, cards), { workers: WORKERS });
});
