import { setTimeout as sleep } from "node:timers/promises";
import type { Scenario } from "../scenario.ts";
import { ROLE_NAMES, type Role, type Server } from "../world/world.ts";

interface Hole {
  readonly role: Role;
  readonly server: Server;
  readonly seconds: number;
}

/** The scheduler does not talk to RabbitMQ. */
const LINKS = ROLE_NAMES.flatMap((role) => [
  { role, server: "postgres" as const },
  ...(role === "scheduler" ? [] : [{ role, server: "rabbitmq" as const }]),
]);
const SECONDS = [5, 30, 120];
const PRODUCTS: Readonly<Record<Server, string>> = { postgres: "PostgreSQL", rabbitmq: "RabbitMQ" };
/** Of a length the same in both: two holes on each link. */
const HOLES: readonly Hole[] = SECONDS.flatMap((seconds) => LINKS.map((link) => ({ ...link, seconds })));
const QUICK: readonly Hole[] = [
  { role: "relay", server: "rabbitmq", seconds: 5 },
  { role: "consumer", server: "postgres", seconds: 5 },
  { role: "consumer", server: "rabbitmq", seconds: 5 },
];

/** One link after the other loses everything for a while, without a reset. */
export const blackHoles: Scenario = {
  name: "black-holes",
  what: `each of ${LINKS.length} links to a server swallows everything for ${SECONDS.join(", ")} s, twice each`,
  rounds: 2 * SECONDS.length,
  wants: Object.fromEntries(
    HOLES.map(({ role, server, seconds }) => [`${role} to ${PRODUCTS[server]} ${seconds} s`, 2]),
  ),
  inject: async (round) => {
    const seconds = SECONDS[round.number % SECONDS.length];
    for (const hole of round.quick ? QUICK : HOLES.filter((each) => each.seconds === seconds)) {
      const link = round.world.link(hole.role, hole.server);
      await round.strikes(async () => {
        link.swallow();
        await sleep(hole.seconds * 1000);
        link.heal();
        round.did(`${link.name} ${hole.seconds} s`);
      });
    }
  },
};
