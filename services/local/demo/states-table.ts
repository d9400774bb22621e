import Table from "cli-table3";
import type { JobState } from "#shared/contracts/job-state.ts";
import { PRIORITIES } from "#shared/contracts/priority.ts";
import { jobsWhere, type RunCounts } from "./count-states.ts";

/** The columns that count jobs, and the states that each adds up. */
const COLUMNS: readonly (readonly [string, readonly JobState[]])[] = [
  ["due", ["scheduled", "blocked"]],
  ["queued", ["queued"]],
  ["running", ["running"]],
  ["completed", ["completed"]],
  ["retrying", ["retrying", "held"]],
  ["dead", ["dead_lettered", "cancelled"]],
];
const NONE = "·";
const LINES = {
  ...{ top: "", "top-mid": "", "top-left": "", "top-right": "" },
  ...{ bottom: "", "bottom-mid": "", "bottom-left": "", "bottom-right": "" },
  ...{ left: "", right: "", middle: " " },
  ...{ mid: "─", "mid-mid": "─", "left-mid": "", "right-mid": "" },
};

/** Draws where the jobs of each priority stand and how late they started. */
export function statesTable(counts: RunCounts): string {
  const table = new Table({
    head: ["priority", ...COLUMNS.map(([name]) => name), "late p50", "late p99"],
    colAligns: ["left", ...Array.from({ length: COLUMNS.length + 2 }, () => "right" as const)],
    // 80 columns wide at most, for that is what many terminals have.
    chars: LINES,
    style: { head: [], border: [], compact: true, "padding-left": 0, "padding-right": 1 },
  });
  for (const priority of PRIORITIES) {
    const jobs = COLUMNS.map(([, states]) =>
      jobsWhere(counts, (count) => count.priority === priority && states.includes(count.state)),
    );
    const { p50, p99 } = counts.lateness.get(priority) ?? {};
    table.push([priority, ...jobs.map((number) => number || NONE), milliseconds(p50), milliseconds(p99)]);
  }
  return table.toString();
}

/** The same in one line, all priorities together. */
export function statesLine(counts: RunCounts): string {
  return COLUMNS.map(([name, states]) => {
    return `${name} ${jobsWhere(counts, ({ state }) => states.includes(state))}`;
  }).join(", ");
}

/** Spells a time in whole milliseconds, or one decimal below ten. */
export function milliseconds(ms: number | undefined): string {
  if (ms === undefined) return NONE;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}
