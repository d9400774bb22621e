import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "#shared/index.ts";
import { unblockOne } from "./notebook.ts";

/** Somebody who looks after the lines that stand still behind a dead letter. */
export interface LineKeeper {
  readonly stop: () => Promise<void>;
}

const LOOK_MS = 1000;

/** Lets such lines go on, as `duly unblock` does, until stopped; what PostgreSQL refuses is tried again. */
export function startLineKeeper(db: Database): LineKeeper {
  const end = new AbortController();
  const working = (async () => {
    while (!end.signal.aborted) {
      const found = await unblockOne(db).catch(() => false);
      if (!found) await sleep(LOOK_MS, undefined, { signal: end.signal }).catch(() => undefined);
    }
  })();
  return {
    stop: () => {
      end.abort();
      return working;
    },
  };
}
