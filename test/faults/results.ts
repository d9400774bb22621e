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

/** Whether no promise was broken in a round; how fast it went is another question. */
export function isClean(result: RoundResult): boolean {
  const { lost, duplicateEffects, wrongEnds, leftovers, unexpectedExits } = result;
  return lost + duplicateEffects + wrongEnds + leftovers + unexpectedExits === 0;
}
