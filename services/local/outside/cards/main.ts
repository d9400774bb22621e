import { Faults } from "../faults.ts";
import { runOutside } from "../run-outside.ts";
import { serveHttp } from "../serve-http.ts";
import type { CardFault } from "./card-fault.ts";
import { cardRoutes } from "./card-routes.ts";
import { CardsConfig } from "./config.ts";
import { Vault } from "./vault.ts";

await runOutside("cards", CardsConfig, async ({ PORT, CARDS_KEY, DATA_FILE, SEARCH_LAG_MS }) => {
  const vault = await Vault.open(DATA_FILE);
  const http = await serveHttp(PORT, cardRoutes(vault, CARDS_KEY, new Faults<CardFault>(), SEARCH_LAG_MS));
  return {
    addresses: { port: http.port },
    stop: async () => {
      await http.stop();
      vault.close();
    },
  };
});
