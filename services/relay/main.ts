import { runService } from "#shared/runtime/run-service.ts";
import { RelayConfig } from "./config.ts";
import { relay } from "./relay.ts";

await runService("relay", RelayConfig, relay);
