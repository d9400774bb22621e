import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";

const count = z.number().int();

/** Something that was measured, in its unit, beside what it may be at most or must be at least. */
export const Figure = z.object({
  name: z.string(),
  value: z.number(),
  unit: z.string(),
  most: z.number().optional(),
  least: z.number().optional(),
});
export type Figure = z.infer<typeof Figure>;

/** What one round came to. */
export const RoundResult = z.object({
  scenario: z.string(),
  round: count,
  seed: z.number(),
  /** Whether it was one of the quick run, beside others and on a machine with much else to do. */
  quick: z.boolean().default(false),
  commit: z.string(),
  endedAt: z.string(),
  seconds: z.number(),
  committed: count,
  /** Committed jobs or their effects that are missing or not at their end. */
  lost: count,
  /** Second effects where there must be none. */
  duplicateEffects: count,
  /** Second effects of handlers that declare that there may be some. */
  declaredDuplicates: count,
  /** Jobs that ended otherwise than they should, or with another number of attempts. */
  wrongEnds: count,
  /** Rows of the outbox and messages in queues that nothing explains, after all jobs had ended. */
  leftovers: count,
  deliveries: count,
  faults: z.record(z.string(), count),
  unexpectedExits: count,
  /** From the end of a fault until work flowed again, in ms; null: not within the round. */
  recoveriesMs: z.array(z.number().nullable()),
  figures: z.array(Figure).default([]),
  /** The first of what went wrong, in words. */
  notes: z.array(z.string()),
});
export type RoundResult = z.infer<typeof RoundResult>;

/** The rounds that a file holds, in the order in which they were run; none when there is no such file. */
export function readResults(file: string): RoundResult[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => RoundResult.parse(JSON.parse(line)));
}

/** Adds one round to a file, one line each, so that a run that is cut short keeps what it has. */
export function keepResult(file: string, result: RoundResult): void {
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify(result)}\n`);
}

/** Whether a figure is within its limit. */
export function isWithin({ value, most, least }: Figure): boolean {
  return value <= (most ?? Number.POSITIVE_INFINITY) && value >= (least ?? Number.NEGATIVE_INFINITY);
}

/** Work has to flow again so soon after the end of a fault. */
export const IN_TIME_MS = 10_000;
/** Units of what depends on what else the machine has to do. */
const TIMES: ReadonlySet<string> = new Set(["ms", "s", "×", "/s", "jobs/s"]);

/** Whether a round has kept every promise and every limit; the quick run says nothing of times. */
export function isClean(result: RoundResult): boolean {
  const { lost, duplicateEffects, wrongEnds, leftovers, unexpectedExits } = result;
  return (
    lost + duplicateEffects + wrongEnds + leftovers + unexpectedExits === 0 && misses(result).length === 0
  );
}

/** What a round has not held of its limits, in words. */
export function misses({ quick, figures, recoveriesMs }: RoundResult): string[] {
  const beyond = figures.filter((figure) => !isWithin(figure) && !(quick && TIMES.has(figure.unit)));
  const late = quick ? [] : recoveriesMs.filter((ms) => ms === null || ms > IN_TIME_MS);
  return [
    ...beyond.map(({ name, value, unit }) => `${name}: ${value} ${unit}`),
    ...late.map((ms) => `work flowed again after ${ms === null ? "more than was waited for" : `${ms} ms`}`),
  ];
}
