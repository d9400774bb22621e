import { setTimeout as sleep } from "node:timers/promises";
import { IN_TIME_MS } from "../results.ts";
import type { Round } from "../scenario.ts";
import { type CorrespondenceBranch, LINKS, type Way } from "../world/correspondence/correspondence-branch.ts";
import { until } from "../world/wait.ts";
import { swallow } from "./swallow.ts";

/** For so long nobody is there; for so long nothing comes through. */
const AWAY_S = 5;
const HOLES_S = [5, 30];
const BETWEEN_CUTS_MS = 8_000;
/** As many as come in 3 s. */
const FLOWING = 10;
const RETURNS_MS = 30_000;
const LOOK_MS = 100;

/** What is done to each link, by its name. */
export const CUTS = Object.values(LINKS).flatMap((link) => [
  `${link} refused`,
  ...HOLES_S.map((seconds) => `${link} ${seconds} s`),
]);

/** Cuts the services off from mailbox and chat API: first these are gone, then nothing comes through. */
export async function cutOff(round: Round, { ways }: CorrespondenceBranch): Promise<void> {
  await sleep(BETWEEN_CUTS_MS);
  await Promise.all(ways.map(({ link }) => link.shut()));
  await sleep(AWAY_S * 1000);
  await Promise.all(ways.map(({ link }) => link.open()));
  for (const { link } of ways) round.did(`${link.name} refused`);
  await Promise.all(ways.map((way) => measureReturn(round, way, "refused")));
  for (const seconds of HOLES_S) {
    await sleep(BETWEEN_CUTS_MS);
    await Promise.all(ways.map(({ link }) => swallow(round, link, seconds)));
    await Promise.all(ways.map((way) => measureReturn(round, way, `${seconds} s`)));
  }
}

async function measureReturn({ measured }: Round, { link, arrived }: Way, cut: string): Promise<void> {
  const beganAt = Date.now();
  const before = await arrived();
  await until(async () => (await arrived()) >= before + FLOWING, RETURNS_MS, LOOK_MS);
  const value = Date.now() - beganAt;
  measured({ name: `${link.name} ${cut}: until ${FLOWING} arrived`, value, unit: "ms", most: IN_TIME_MS });
}
