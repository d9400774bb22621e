import { parseArgs } from "node:util";
import { readConfig, ServiceConfig } from "#shared/config/env.ts";
import { createLogger } from "#shared/log/logger.ts";
import { migrate } from "./migrate.ts";

// node migrations/main.ts up|down, with DATABASE_URL
const { positionals } = parseArgs({ allowPositionals: true });
const direction = positionals[0] ?? "up";
if (direction !== "up" && direction !== "down") {
  process.stderr.write(`migrate: "${direction}" is neither up nor down; run: npm run migrate -- up\n`);
  process.exit(2);
}
try {
  const config = readConfig(ServiceConfig, process.env);
  const names = await migrate(config.DATABASE_URL, direction, createLogger("migrate", config.LOG_LEVEL));
  process.stdout.write(
    names.length === 0 ? "migrate: nothing to do\n" : `migrate: ${direction} ${names.join(", ")}\n`,
  );
} catch (error) {
  process.stderr.write(`migrate: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
