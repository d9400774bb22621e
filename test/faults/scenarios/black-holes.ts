import type { Scenario } from "../scenario.ts";
import { type Far, ROLE_NAMES, type Role } from "../world/world.ts";
import { swallow } from "./swallow.ts";

interface Hole {
  readonly role: Role;
  readonly to: Far;
  readonly seconds: number;
}

/** The scheduler does not talk to RabbitMQ, and only consumers have a provider. */
const LINKS = ROLE_NAMES.flatMap((role) => [
  { role, to: "postgres" as const },
  ...(role === "scheduler" ? [] : [{ role, to: "rabbitmq" as const }]),
  ...(role === "consumer" ? [{ role, to: "provider" as const }] : []),
]);
const SECONDS = [5, 30, 120];
const PLACES: Readonly<Record<Far, string>> = {
  postgres: "PostgreSQL",
  rabbitmq: "RabbitMQ",
  provider: "its provider",
};
/** Of a length the same in both: two holes on each link. */
const HOLES: readonly Hole[] = SECONDS.flatMap((seconds) => LINKS.map((link) => ({ ...link, seconds })));
const QUICK: readonly Hole[] = [
  { role: "relay", to: "rabbitmq", seconds: 5 },
  { role: "consumer", to: "postgres", seconds: 5 },
  { role: "consumer", to: "rabbitmq", seconds: 5 },
  { role: "consumer", to: "provider", seconds: 5 },
];

/** One link after the other loses everything for a while, without a reset. */
export const blackHoles: Scenario = {
  name: "black-holes",
  what: `each of ${LINKS.length} links swallows everything for ${SECONDS.join(", ")} s, twice each`,
  rounds: 2 * SECONDS.length,
  wants: Object.fromEntries(
    HOLES.map(({ role, to, seconds }) => [`${role} to ${PLACES[to]} ${seconds} s`, 2]),
  ),
  inject: async (round) => {
    const seconds = SECONDS[round.number % SECONDS.length];
    for (const hole of round.quick ? QUICK : HOLES.filter((each) => each.seconds === seconds)) {
      const link = round.world.link(hole.role, hole.to);
      await round.strikes(() => swallow(round, link, hole.seconds));
    }
  },
};
