import { sql } from "kysely";
import { incarnationMarker } from "#shared/broker/names.ts";
import type { CrashPoint } from "#shared/config/crash-point.ts";
import type { Round, Scenario } from "../scenario.ts";
import type { KeptProcess } from "../world/kept-process.ts";

const ROUNDS = 5;
/** In each round. */
const LOSSES = 20;
const BEGUN: CrashPoint = "relay.incarnation-begun";
const MARKED: CrashPoint = "relay.incarnation-marked";
const DIES_WITHIN_MS = 20_000;
const READY_MS = 60_000;

/**
 * Somebody takes the broker's marker away: the next relay that connects takes the broker for empty and sends everything
 * again, though nothing is lost, and dies in the middle of that.
 */
export const markerLosses: Scenario = {
  name: "marker-losses",
  what:
    `the broker's marker taken away ${ROUNDS * LOSSES} times; a relay killed each time when the new incarnation has ` +
    "begun, and when its marker is put",
  rounds: ROUNDS,
  wants: { [BEGUN]: ROUNDS * LOSSES, [MARKED]: ROUNDS * LOSSES },
  load: { perSecond: 60 },
  inject: async (round) => {
    const victim = round.world.processes.relay.at(-1);
    if (victim === undefined) return;
    const wanted = round.quick ? 1 : LOSSES;
    // Another relay that begins anew meanwhile may be the one that puts the marker.
    for (let tries = 0, whole = 0; whole < wanted && tries < 2 * wanted; tries += 1)
      if (await loseMarker(round, victim)) whole += 1;
  },
};

/** @returns whether the relay died at both points. */
async function loseMarker(round: Round, victim: KeptProcess): Promise<boolean> {
  let deaths = 0;
  await takeMarker(round);
  round.did("marker taken away");
  await victim.kill(`${BEGUN}:1`);
  for (const [point, next] of [
    [BEGUN, `${MARKED}:1`],
    [MARKED, undefined],
  ] as const) {
    const { generation } = victim;
    victim.arm(next);
    if (await victim.hasSuccessor(generation, DIES_WITHIN_MS)) {
      round.did(point);
      deaths += 1;
    } else round.tell(`${victim.name} did not come to ${point} in ${DIES_WITHIN_MS / 1000} s`);
  }
  await victim.isReady(READY_MS);
  return deaths === 2;
}

async function takeMarker({ world: { db, broker } }: Round): Promise<void> {
  const found = await sql<{ id: string }>`select id from duly.broker_incarnation`.execute(db);
  const connection = await broker.connect();
  try {
    const channel = await connection.createChannel();
    await channel.deleteExchange(incarnationMarker(found.rows[0]?.id ?? ""));
  } finally {
    await connection.close();
  }
}
