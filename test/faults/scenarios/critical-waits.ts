import type { Round } from "../scenario.ts";
import { readCriticalWaits } from "../world/notebook.ts";

/**
 * Keeps the worst wait, from due time to effect, of the critical jobs that became due while the broker was away: once
 * all of them are at their end, so that none is left out.
 */
export function measureCriticalWaits(round: Round, fromMs: number, toMs: number): void {
  round.judges(async () => {
    const waits = await readCriticalWaits(round.world.db, round.name, { fromMs, toMs });
    const name = "worst wait of a critical job that became due while the broker was away";
    if (waits.length > 0) round.measured({ name, value: Math.max(...waits) / 1000, unit: "s" });
    round.measured({ name: "an outage of the broker", value: (toMs - fromMs) / 1000, unit: "s" });
    return undefined;
  });
}
