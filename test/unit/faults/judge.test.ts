import { expect, test } from "vitest";
import { type JobFate, judge } from "../../faults/world/judge.ts";

const whole: JobFate = {
  job: "j",
  kind: "row",
  failures: 0,
  hopeless: false,
  state: "completed",
  attempts: 1,
  most_attempts: 8,
  letter: null,
  letters: 0,
  rows: 1,
  heard: 1,
  asked: false,
  mended: false,
};
const keyed: Partial<JobFate> = { kind: "keyed", heard: 0 };
const single: Partial<JobFate> = { kind: "single", heard: 0 };
const cancelled: Partial<JobFate> = { state: "cancelled", asked: true, attempts: 0, rows: 0, heard: 0 };
const dead: Partial<JobFate> = { state: "dead_lettered", letters: 1, rows: 0, heard: 0 };

function breachOf(fate: Partial<JobFate>, effects = 0): string | undefined {
  return judge([{ ...whole, ...fate }], new Map([["j", effects]])).breaches[0]?.breach;
}

test.each<[string, Partial<JobFate>, number]>([
  ["a row", {}, 0],
  ["a group's row after two planned failures", { kind: "group", heard: 0, failures: 2, attempts: 3 }, 0],
  ["an effect under a key", keyed, 1],
  ["a hopeless job's letter", { ...dead, hopeless: true, letter: "permanent_error" }, 0],
  ["a hopeless job that was mended and sent again", { hopeless: true, mended: true, letters: 1 }, 0],
  [
    "a job that expired between its attempts",
    { ...cancelled, kind: "brief", asked: false, failures: 1, attempts: 1 },
    0,
  ],
  ["a letter of a job that used its attempts up", { ...dead, failures: 99, attempts: 8 }, 0],
  ["a doubt that may not be tried again", { ...single, ...dead, letter: "outcome_in_doubt" }, 1],
  ["a second effect where the handler declares it", { kind: "repeatable", heard: 0 }, 2],
  ["a job that was cancelled on request", cancelled, 0],
  ["one that was cancelled between its attempts", { ...cancelled, failures: 2, attempts: 1 }, 0],
  ["one that was done before it could be cancelled", { asked: true }, 0],
  ["one that had its planned letter first", { ...dead, asked: true, hopeless: true }, 0],
  [
    "a doubt about a cancelled job where nobody can be asked",
    { ...dead, kind: "repeatable", asked: true, letter: "outcome_in_doubt" },
    1,
  ],
  ["a job that nobody wanted any more", { ...cancelled, kind: "expiring", asked: false }, 0],
  ["more attempts than planned at a provider in doubt", { ...keyed, kind: "gated", attempts: 3 }, 1],
])("%s is what was promised", (_, fate, effects) => {
  expect(breachOf(fate, effects)).toBeUndefined();
});

test.each<[string, Partial<JobFate>, number, string]>([
  ["a job that is not there", { state: null }, 0, "lost"],
  ["a job that never ended", { state: "queued", rows: 0, heard: 0 }, 0, "lost"],
  ["completed without its row", { rows: 0, heard: 0 }, 0, "lost"],
  ["completed without its effect", keyed, 0, "lost"],
  ["an event that nobody heard", { heard: 0 }, 0, "lost"],
  ["two rows", { rows: 2 }, 0, "duplicate"],
  ["an event heard twice", { heard: 2 }, 0, "duplicate"],
  ["two letters", { ...dead, hopeless: true, letters: 2 }, 0, "duplicate"],
  ["two effects under a key", keyed, 2, "duplicate"],
  [
    "two effects where one at most is allowed",
    { ...single, ...dead, letter: "outcome_in_doubt" },
    2,
    "duplicate",
  ],
  ["a letter without a reason to be one", dead, 0, "wrong end"],
  ["a hopeless job that completed", { hopeless: true }, 0, "wrong end"],
  ["a mended job that was not sent again", { ...dead, hopeless: true, mended: true }, 0, "wrong end"],
  ["a job that outlived its expiry", { kind: "brief", failures: 1, attempts: 2 }, 0, "wrong end"],
  ["a job that gave up early", { ...dead, failures: 99, attempts: 7 }, 0, "attempts"],
  ["a job that completed though it always fails", { failures: 99, attempts: 8 }, 0, "wrong end"],
  ["an attempt too many", { attempts: 2 }, 0, "attempts"],
  ["more attempts than allowed", { ...keyed, attempts: 9 }, 1, "attempts"],
  ["an attempt spent on a refused connection", { ...keyed, kind: "refused", attempts: 2 }, 1, "attempts"],
  ["completed without its first attempt", { attempts: 0 }, 0, "attempts"],
  ["an attempt too many of a cancelled job", { ...cancelled, attempts: 2 }, 0, "attempts"],
  ["cancelled though nobody asked", { ...cancelled, asked: false }, 0, "wrong end"],
  ["an expired job with its effect", { ...cancelled, kind: "expiring", asked: false }, 1, "wrong end"],
  ["a cancelled job with its row", { ...cancelled, rows: 1 }, 0, "wrong end"],
  ["a cancelled job that others heard of", { ...cancelled, heard: 1 }, 0, "wrong end"],
  ["a cancelled job with its effect", { ...cancelled, kind: "closing" }, 1, "wrong end"],
  [
    "a doubt where the provider could be asked",
    { ...dead, kind: "closing", asked: true, letter: "outcome_in_doubt" },
    1,
    "wrong end",
  ],
  [
    "a doubt about a job that may happen twice and that nobody cancelled",
    { ...dead, kind: "repeatable", letter: "outcome_in_doubt" },
    1,
    "wrong end",
  ],
  ["a letter instead of a wanted end", { ...dead, asked: true }, 0, "wrong end"],
])("%s is seen", (_, fate, effects, breach) => {
  expect(breachOf(fate, effects)).toBe(breach);
});

test("declared duplicates are counted, not hidden", () => {
  const fate: JobFate = { ...whole, kind: "repeatable", heard: 0 };
  expect(judge([fate], new Map([["j", 3]])).declaredDuplicates).toBe(2);
});

test("where its provider is well, an outside effect has exact attempts too, unless it is left to people", () => {
  const attempts = (changes: Partial<JobFate>) =>
    judge([{ ...whole, ...keyed, ...changes }], new Map([["j", 1]]), true).breaches[0]?.breach;
  expect(attempts({})).toBeUndefined();
  expect(attempts({ attempts: 2 })).toBe("attempts");
  expect(attempts({ failures: 1, attempts: 2 })).toBeUndefined();
  const doubtful = { ...single, ...dead, failures: 2, letter: "outcome_in_doubt" };
  expect(attempts(doubtful)).toBeUndefined();
});
