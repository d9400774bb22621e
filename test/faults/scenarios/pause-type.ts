import { setTimeout as sleep } from "node:timers/promises";
import { pauseGate, resumeGate } from "#shared/gates/pause-gate.ts";
import { pauseTarget } from "#shared/gates/pause-target.ts";
import type { Round } from "../scenario.ts";

/** Pauses the jobs of a type for a while, as `duly pause` does. */
export async function pauseType({ world: { db }, did }: Round, type: string, ms: number): Promise<void> {
  const gate = await pauseTarget(db, "type", type);
  if (gate === undefined) throw new Error(`no process has registered ${type}`);
  await pauseGate(db, { gate, reason: "the laboratory waits", until: undefined });
  await sleep(ms);
  await resumeGate(db, gate);
  did("type paused");
}
