import type { WriteStream } from "node:tty";
import { createLogUpdate } from "log-update";
import type { RunCounts } from "./count-states.ts";
import { statesLine, statesTable } from "./states-table.ts";

const LINE_EVERY_MS = 2_000;

/** Shows how far the jobs are for as long as they are on their way. */
export interface LiveTable {
  /** Shows the newest counts, and in words what is waited for. */
  readonly show: (counts: RunCounts, elapsedMs: number, waitingFor: string) => void;
  /** Leaves the last counts standing. */
  readonly done: () => void;
}

/** Draws a table that renews itself on a terminal; elsewhere a line every 2 s and the table at the end. */
export function liveTable(terminal: WriteStream, out: (line: string) => void): LiveTable {
  return terminal.isTTY ? tableOn(terminal) : linesTo(out);
}

function tableOn(terminal: WriteStream): LiveTable {
  const update = createLogUpdate(terminal);
  return {
    show: (counts, elapsedMs, waitingFor) =>
      update(`${statesTable(counts)}\n${seconds(elapsedMs)}, ${waitingFor}`),
    done: () => update.done(),
  };
}

function linesTo(out: (line: string) => void): LiveTable {
  let last: RunCounts | undefined;
  let dueAt = 0;
  return {
    show: (counts, elapsedMs, waitingFor) => {
      last = counts;
      if (elapsedMs < dueAt) return;
      dueAt = elapsedMs + LINE_EVERY_MS;
      out(`  ${seconds(elapsedMs)}  ${statesLine(counts)}; ${waitingFor}`);
    },
    done: () => {
      if (last !== undefined) out(statesTable(last));
    },
  };
}

function seconds(elapsedMs: number): string {
  return `${(elapsedMs / 1_000).toFixed(0).padStart(2)} s`;
}
