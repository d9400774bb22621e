import { writeSync } from "node:fs";
import { ConfigError } from "../errors/errors.ts";

/** Where a process can be told to die, in the order in which a job comes by. */
export const CRASH_POINTS = [
  "scheduler.looking",
  "scheduler.fired",
  "scheduler.swept",
  "scheduler.promoted",
  "scheduler.tended",
  "scheduler.expiring",
  "scheduler.expired",
  "scheduler.archived",
  "scheduler.partition-dropped",
  "scheduler.told-again",
  "relay.claimed",
  "relay.publishing",
  "relay.published",
  "relay.confirmed",
  "relay.deleted",
  "relay.committed",
  "relay.incarnation-begun",
  "relay.incarnation-marked",
  "consumer.delivered",
  "consumer.buried",
  "consumer.held",
  "consumer.claimed",
  "consumer.asked",
  "consumer.performing",
  "consumer.performed",
  "consumer.settling",
  "consumer.settled",
  "consumer.acked",
  "consumer.group-fenced",
  "consumer.group-recorded",
  "consumer.group-settled",
  "consumer.event-heard",
  "consumer.event-settled",
  "consumer.replaying",
  "consumer.replayed",
  "recorder.recorded",
  "payments.signed",
  "payments.offered",
  "payments.offered-again",
  "payments.mined",
  "payments.intent-opened",
  "payments.intent-stored",
  "payments.intent-adopted",
  "payments.confirmed",
  "payments.declined",
  "payments.intent-cancelled",
] as const;

/** A step between two lasting effects, after which nothing may be lost when the process dies. */
export type CrashPoint = (typeof CRASH_POINTS)[number];

/** What DULY_CRASH_AT asks for: the point, how often it is passed until it happens, and what happens. */
export interface Crash {
  readonly point: CrashPoint;
  readonly passes: number;
  /** SIGSTOP makes a process that is thought dead and wakes up later. */
  readonly signal: "SIGKILL" | "SIGSTOP";
}

/**
 * Reads `point`, `point:passes` or `point:passes:SIGSTOP`.
 *
 * @throws {ConfigError} when there is no such point, so that no fault goes missing over a slip of the pen.
 */
export function parseCrash(text: string): Crash {
  const [name = "", passes = "1", signal = "SIGKILL", ...rest] = text.split(":");
  const point = CRASH_POINTS.find((each) => each === name);
  if (point === undefined) {
    throw new ConfigError(`DULY_CRASH_AT: there is no crash point "${name}"; use ${CRASH_POINTS.join(", ")}`);
  }
  if (!/^[1-9]\d*$/.test(passes) || (signal !== "SIGKILL" && signal !== "SIGSTOP") || rest.length > 0) {
    throw new ConfigError(`DULY_CRASH_AT: write "${point}:3" or "${point}:3:SIGSTOP", not "${text}"`);
  }
  return { point, passes: Number(passes), signal };
}

const wanted = process.env["DULY_CRASH_AT"];
const crash = wanted === undefined || wanted === "" ? undefined : parseCrash(wanted);
let passed = 0;

/**
 * Dies here when the fault laboratory said so by DULY_CRASH_AT; costs one comparison otherwise.
 *
 * By SIGKILL, so that no handler, timer or buffer gets another turn, as in a power cut.
 */
export function crashPoint(point: CrashPoint): void {
  if (crash === undefined || crash.point !== point) return;
  passed += 1;
  if (passed !== crash.passes) return;
  writeSync(2, `${crash.signal} at crash point ${point}, pass ${passed}\n`);
  process.kill(process.pid, crash.signal);
}
