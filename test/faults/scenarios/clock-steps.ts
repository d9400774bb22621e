import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import type { Scenario } from "../scenario.ts";

const STEPS_S = [5, 0, -5, 0, 5, -5];

/** The database's clock jumps: every session begins anew under the next offset. */
export const clockSteps: Scenario = {
  name: "clock-steps",
  what: "the engine's clock stepped by 5 and 10 s, forwards and backwards",
  rounds: 3,
  noDuplicates: true,
  inject: async (round) => {
    const { db, databaseName } = round.world;
    for (const seconds of [...STEPS_S, 0]) {
      await sql`alter database ${sql.id(databaseName)} set duly.clock_offset = ${sql.lit(`${seconds} s`)}`.execute(
        db,
      );
      await round.world.endBackends();
      round.did("clock stepped");
      await sleep(round.quick ? 2000 : 8000);
    }
  },
};
