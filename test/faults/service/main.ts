import { runService } from "#shared/index.ts";
import { LabConfig } from "./config.ts";
import { labHandlers } from "./handlers.ts";

await runService("lab", LabConfig, async ({ config, consume }) => {
  const { PROVIDER_URL, REFUSING_URL, FAILING_URL } = config;
  const addresses = { provider: PROVIDER_URL, refusing: REFUSING_URL, failing: FAILING_URL };
  consume(labHandlers(addresses), { workers: { high: 5, medium: 10, low: 5, critical: 5 } });
  await Promise.resolve();
});
