import { jobModel } from "../../model/job-model.ts";
import { search } from "../../model/search.ts";
import { ROADS, SETTINGS } from "../../model/settings.ts";
import type { Rows, Setting } from "../../model/world.ts";

/**
 * Every state of a job's rows that the search comes by, of any kind of handler; those that differ by their numbers or by
 * what waits in the outbox count as one, because no move looks at these.
 */
export function reachedRows(): Rows[] {
  const reached = new Map<string, Rows>();
  for (const setting of everySetting()) {
    const model = jobModel(setting);
    const note = ({ rows }: { rows: Rows }) => {
      const code = JSON.stringify({ ...rows, send: 0, claim: 0, outbox: [] });
      if (!reached.has(code)) reached.set(code, { ...rows, outbox: [] });
    };
    search({
      ...model,
      broken: () => undefined,
      steps: (world) => {
        note(world);
        return model.steps(world);
      },
    });
  }
  return [...reached.values()];
}

function everySetting(): Setting[] {
  const kinds = Object.entries(SETTINGS)
    .filter(([name]) => name !== LIKE_ANOTHER)
    .flatMap(([, setting]) => CHANGES.map((change) => ({ ...setting, ...change })));
  return [...kinds, ...Object.values(ROADS).map((setting) => ({ ...setting, faultCount: 1 }))];
}

// Beside what people do it has more worlds than the search takes; it makes the moves of those that ask, and of "at most once".
const LIKE_ANOTHER = "at most once, asks";

// One misfortune, beside what people do, comes by the same rows as two, but for a few.
const CHANGES: readonly Partial<Setting>[] = [
  { faultCount: 1, expires: true, people: ["replay"] },
  { faultCount: 1, expires: false, people: ["cancel", "replay"] },
];
