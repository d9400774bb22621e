import { sql } from "kysely";
import { beforeAll } from "vitest";
import { type Clock, takeClock } from "../../support/clock.ts";
import type { Engine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { useRoad } from "../consuming/road.ts";

/** The road, with a clock that tests move. */
export function useGates(): { readonly engine: Engine; readonly advance: Clock["advance"] } {
  const engine = useRoad();
  let clock: Clock;
  beforeAll(async () => {
    clock = await takeClock(engine.db);
  });
  return { engine, advance: (ms) => clock.advance(ms) };
}

interface SeenGate {
  state: string;
  reason: string | null;
  since: Date;
  probe: string | null;
}

/** A gate as it stands; undefined when there is none. */
export async function gateOf({ db }: Engine, name: string): Promise<SeenGate | undefined> {
  const found =
    await sql<SeenGate>`select state, reason, since, probe from duly.gates where name = ${name}`.execute(db);
  return found.rows[0];
}

/** Waits until a gate is in a state; "none" when it is gone. */
export async function gateReaches(engine: Engine, name: string, ...states: string[]): Promise<void> {
  await eventually(`gate ${name} to be ${states.join(" or ")}`, async () =>
    states.includes((await gateOf(engine, name))?.state ?? "none"),
  );
}

export interface Seen {
  id: string;
  state: string;
  send: number;
  attempt: number;
  waits_for: string | null;
}

/** The jobs of a type, in the order they were enqueued. */
export async function jobsOf({ db }: Engine, type: string): Promise<Seen[]> {
  const rows = await sql<Seen>`
    select id, state, send, attempt, waits_for from duly.jobs where type = ${type} order by number`.execute(
    db,
  );
  return rows.rows;
}

/** Waits until every job of a type is in a state. */
export async function allReach(engine: Engine, type: string, state: string): Promise<Seen[]> {
  return eventually(`all ${type} to be ${state}`, async () => {
    const jobs = await jobsOf(engine, type);
    return jobs.every((job) => job.state === state) && jobs;
  });
}
