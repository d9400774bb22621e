import { runService } from "#shared/runtime/run-service.ts";
import { DeadLettersConfig } from "./config.ts";
import { recorder } from "./recorder.ts";

await runService("dead-letters", DeadLettersConfig, recorder);
