import { setTimeout as sleep } from "node:timers/promises";
import type { Round } from "../scenario.ts";
import type { Link } from "../world/link.ts";

/** Has a link lose everything for so many seconds. */
export async function swallow(round: Round, link: Link, seconds: number): Promise<void> {
  link.swallow();
  await sleep(seconds * 1000);
  link.heal();
  round.did(`${link.name} ${seconds} s`);
}
