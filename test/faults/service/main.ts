import { runService } from "#shared/index.ts";
import { LabConfig } from "./config.ts";
import { labHandlers } from "./handlers.ts";

await runService("lab", LabConfig, async ({ config, consume }) => {
  consume(labHandlers(config.PROVIDER_URL), { workers: { high: 5, medium: 10, low: 5, critical: 5 } });
  await Promise.resolve();
});
