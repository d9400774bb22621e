import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { z } from "zod";
import { runCommand } from "#shared/index.ts";
import { parseArguments } from "#shared/runtime/parse-arguments.ts";
import { CardClient } from "../cards/card-client.ts";
import { parseAddress } from "../chain/address.ts";
import { Wallet } from "../chain/wallet.ts";
import { SeedConfig } from "../config.ts";
import { seedCards } from "../seed/seed-cards.ts";
import { seedCurrencies } from "../seed/seed-currencies.ts";
import type { PaymentsTables } from "../tables.ts";

const USERS = new URL("../../../examples/users.json", import.meta.url);
const Users = z.array(z.object({ id: z.string(), name: z.string(), walletIndex: z.number().int().min(1) }));
const DULY_DOLLAR = { symbol: "DUSD", decimals: 6, usd_rate: "1" };

const command = new Command("duly seed payments").description(
  "Writes the demo's payers (examples/users.json) and its token. Safe to run again: it brings them up to date.",
);
parseArguments(command, process.argv.slice(2));

await runCommand("seed payments", SeedConfig, async ({ config, db, out }) => {
  const users = Users.parse(JSON.parse(await readFile(USERS, "utf8")));
  const wallet = new Wallet(config.CHAIN_MNEMONIC);
  const payers = users.map(({ id, name, walletIndex }) => ({
    id,
    name,
    wallet_index: walletIndex,
    address: wallet.addressOf(walletIndex),
  }));
  const token = { ...DULY_DOLLAR, address: parseAddress(config.TOKEN_ADDRESS) ?? config.TOKEN_ADDRESS };
  await db
    .$extendTables<PaymentsTables>()
    .transaction()
    .execute(async (trx) => {
      await trx
        .insertInto("payments.users")
        .values(payers)
        .onConflict((conflict) =>
          conflict.column("id").doUpdateSet((row) => ({
            name: row.ref("excluded.name"),
            wallet_index: row.ref("excluded.wallet_index"),
            address: row.ref("excluded.address"),
          })),
        )
        .execute();
      await trx
        .insertInto("payments.tokens")
        .values(token)
        .onConflict((conflict) => conflict.column("symbol").doUpdateSet(token))
        .execute();
    });
  const own = db.$extendTables<PaymentsTables>();
  const currencies = await seedCurrencies(own);
  const { CARDS_URL: url, CARDS_KEY: key } = config;
  const cards = key === undefined ? 0 : await seedCards(own, new CardClient({ url, key }), users);
  out(`${currencies} currencies and ${cards} new cards are in.`);
  out(`${payers.length} payers and the token ${token.symbol} at ${token.address} are in.`);
  return 0;
});
