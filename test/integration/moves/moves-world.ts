import { sql } from "kysely";
import { afterEach, expect } from "vitest";
import type { TakenJob } from "#shared/jobs/take-job.ts";
import type { Rows } from "../../model/world.ts";
import { type Engine, useEngine } from "../../support/engine.ts";
import { readRows, writeRows } from "./job-rows.ts";
import { reachedRows } from "./reached-rows.ts";
import { Moved } from "./real-moves.ts";

/** What the jobs of the model are beside their rows. */
export const kind = { type: Moved.type, service: "moves", priority: Moved.priority, maxAttempts: 2 };

/** PostgreSQL beside the model: a move is made in both, and what became of the rows is compared. */
export interface Moves {
  readonly engine: Engine;
  /** Every state that the search comes by. */
  readonly reached: readonly Rows[];
  /** Makes a move in each of the states, in PostgreSQL and in the model, and compares. */
  readonly expectAlike: (
    states: readonly Rows[],
    expected: (rows: Rows) => Rows,
    move: (ids: readonly string[], states: readonly Rows[]) => Promise<unknown>,
  ) => Promise<void>;
  /** The same for a move that takes one job at a time; gives what each said. */
  readonly expectEachAlike: <Said>(
    states: readonly Rows[],
    expected: (rows: Rows) => Rows,
    move: (id: string, rows: Rows) => Promise<Said>,
  ) => Promise<(Said | undefined)[]>;
  /**
   * Every state in which a move does something, as far as it looks at it, and two of each in which it must do nothing. A
   * job that waits in the table is not among those: no message carries its send.
   */
  readonly mostlyIn: (...names: readonly Rows["state"][]) => Rows[];
}

/** Jobs of their own: they do not get into one another's way. */
const SIDE_BY_SIDE = 4;

/** The database of a test file, emptied after each test, and what compares there. */
export function useMoves(): Moves {
  const engine = useEngine();
  const reached = reachedRows();

  afterEach(async () => {
    await sql`truncate duly.jobs, duly.outbox, duly.intents, duly.expiries, duly.dead_letters, duly.suspects,
      duly.line_signals, duly.gates`.execute(engine.db);
  });

  async function expectAlike(
    states: readonly Rows[],
    expected: (rows: Rows) => Rows,
    move: (ids: readonly string[], states: readonly Rows[]) => Promise<unknown>,
  ): Promise<void> {
    const ids = await writeRows(engine.db, states, kind);
    await move(ids, states);
    const became = await readRows(engine.db, ids);
    const pairs = states.map((rows, place) => ({ rows, real: became.get(ids[place]!) }));
    expect(pairs).toEqual(states.map((rows) => ({ rows, real: expected(rows) })));
  }

  async function expectEachAlike<Said>(
    states: readonly Rows[],
    expected: (rows: Rows) => Rows,
    move: (id: string, rows: Rows) => Promise<Said>,
  ): Promise<(Said | undefined)[]> {
    const said: (Said | undefined)[] = states.map(() => undefined);
    await expectAlike(states, expected, async (ids) => {
      const left = ids.entries();
      const worker = async () => {
        for (const [place, id] of left) said[place] = await move(id, states[place]!);
      };
      await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
    });
    return said;
  }

  function mostlyIn(...names: readonly Rows["state"][]): Rows[] {
    const inTable = (rows: Rows) => rows.state === "retrying" && rows.wake;
    const others = Map.groupBy(
      reached.filter(({ state }) => !names.includes(state)),
      ({ state }) => state,
    );
    return [
      ...reached.filter((rows) => names.includes(rows.state) && !inTable(rows)),
      ...[...others.values()].flatMap((rows) => rows.slice(0, 2)),
    ];
  }

  return { engine, reached, expectAlike, expectEachAlike, mostlyIn };
}

/** What a consumer learns by its claim, as the model says it. */
export function seen(job: TakenJob | undefined) {
  if (job === undefined) return undefined;
  const before = job.intent_before ?? undefined;
  const over = job.expired || job.cancel_requested;
  return { claim: job.claim, number: job.intent_number, before, receipt: job.receipt !== null, over };
}
