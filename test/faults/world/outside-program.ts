import type { z } from "zod";
import { startNodeProgram } from "../../../services/local/processes/node-program.ts";

/** A process of the local outside world. */
export interface OutsideProgram<Ready> {
  /** What it told when it was up: its ports. */
  readonly ready: Ready;
  readonly stop: () => Promise<void>;
}

const STOP_GRACE_MS = 10_000;
const READY = '"msg":"ready"';

/** Starts `services/local/outside/<name>`; `stackDir` has its log and marks the process. */
export async function startOutsideProgram<Ready>(
  name: "cards" | "chat" | "mailbox",
  environment: Readonly<Record<string, string>>,
  stackDir: string,
  schema: z.ZodType<Ready>,
): Promise<OutsideProgram<Ready>> {
  const file = `services/local/outside/${name}/main.ts`;
  const child = await startNodeProgram({ name, file, environment, stackDir });
  const lines = child.log().split("\n");
  return {
    ready: schema.parse(JSON.parse(lines.find((line) => line.includes(READY)) ?? "{}")),
    stop: () => child.stop("SIGTERM", STOP_GRACE_MS),
  };
}
