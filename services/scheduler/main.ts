import { runService } from "#shared/runtime/run-service.ts";
import { SchedulerConfig } from "./config.ts";
import { scheduler } from "./scheduler.ts";

await runService("scheduler", SchedulerConfig, scheduler);
