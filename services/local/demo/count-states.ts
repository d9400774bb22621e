import { sql } from "kysely";
import type { JobState } from "#shared/contracts/job-state.ts";
import type { Priority } from "#shared/contracts/priority.ts";
import type { DemoRun } from "./demo-run.ts";

/** How many jobs of a type and priority are in a state. */
export interface StateCount {
  readonly type: string;
  readonly priority: Priority;
  readonly state: JobState;
  readonly jobs: number;
}

/** Milliseconds from due to started that half, and 99 of 100, of the started jobs did not exceed. */
export interface Lateness {
  readonly p50: number;
  readonly p99: number;
}

/** Where a run's jobs stand. */
export interface RunCounts {
  readonly states: readonly StateCount[];
  readonly lateness: ReadonlyMap<Priority | "all", Lateness>;
}

type Row =
  | (StateCount & { readonly grouped: "state" })
  | {
      readonly grouped: "priority" | "all";
      readonly priority: Priority | null;
      readonly percentiles: number[] | null;
    };

/** Counts the run's jobs by type, priority and state, and how late they started, in one query. */
export async function countStates({ db, began, correlationId }: DemoRun): Promise<RunCounts> {
  const { rows } = await sql<Row>`
    with job as (
      select type, priority, state,
        extract(epoch from started_at - coalesce(run_at, enqueued_at))::float8 * 1000 as late_ms
      from duly.jobs where id >= duly.first_id_at(${began}) and correlation_id = ${correlationId}
    )
    select type, priority, state, count(*)::int as jobs,
      case grouping(type, priority) when 0 then 'state' when 2 then 'priority' else 'all' end as grouped,
      percentile_disc(array[0.5, 0.99]::float8[]) within group (order by late_ms) as percentiles
    from job group by grouping sets ((type, priority, state), (priority), ())
  `.execute(db);
  return toCounts(rows);
}

function toCounts(rows: readonly Row[]): RunCounts {
  const states: StateCount[] = [];
  const lateness = new Map<Priority | "all", Lateness>();
  for (const row of rows) {
    if (row.grouped === "state") states.push(row);
    else {
      const [p50, p99] = row.percentiles ?? [];
      if (p50 !== undefined && p99 !== undefined) lateness.set(row.priority ?? "all", { p50, p99 });
    }
  }
  return { states, lateness };
}

/** Adds up the jobs that `wanted` picks. */
export function jobsWhere(
  { states }: Pick<RunCounts, "states">,
  wanted: (count: StateCount) => boolean,
): number {
  return states.filter(wanted).reduce((sum, { jobs }) => sum + jobs, 0);
}
