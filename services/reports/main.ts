import { mkdir } from "node:fs/promises";
import { openDatabase } from "#shared/database/database.ts";
import { PRIORITY_DEFAULTS, runService } from "#shared/index.ts";
import { ReportsConfig } from "./config.ts";
import { reports } from "./consumer.ts";
import { removeDeadParts } from "./remove-dead-parts.ts";

await runService("reports", ReportsConfig, async ({ config, log, consume, onStop }) => {
  await mkdir(config.REPORTS_DIR, { recursive: true });
  const removed = await removeDeadParts(config.REPORTS_DIR, Date.now());
  if (removed > 0) log.info({ removed }, "removed unfinished files that crashed runs had left");
  // A report reads for minutes: connections of its own, so that it takes none from the jobs that settle.
  const reading = openDatabase({
    url: config.DATABASE_URL,
    name: "duly reports reading",
    connections: config.WORKERS_LOW ?? PRIORITY_DEFAULTS.low.workers,
    log,
  });
  onStop(() => reading.destroy());
  consume(reports({ reading, folder: config.REPORTS_DIR }));
});
