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
};
const keyed: Partial<JobFate> = { kind: "keyed", heard: 0 };
const single: Partial<JobFate> = { kind: "single", heard: 0 };
const dead: Partial<JobFate> = { state: "dead_lettered", letters: 1, rows: 0, heard: 0 };

function breachOf(fate: Partial<JobFate>, effects = 0): string | undefined {
  return judge([{ ...whole, ...fate }], new Map([["j", effects]])).breaches[0]?.breach;
}

test.each<[string, Partial<JobFate>, number]>([
  ["a row", {}, 0],
  ["a group's row after two planned failures", { kind: "group", heard: 0, failures: 2, attempts: 3 }, 0],
  ["an effect under a key", keyed, 1],
  ["a hopeless job's letter", { ...dead, hopeless: true, letter: "permanent_error" }, 0],
  ["a letter of a job that used its attempts up", { ...dead, failures: 99, attempts: 8 }, 0],
  ["a doubt that may not be tried again", { ...single, ...dead, letter: "outcome_in_doubt" }, 1],
  ["a second effect where the handler declares it", { kind: "repeatable", heard: 0 }, 2],
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
  ["a job that gave up early", { ...dead, failures: 99, attempts: 7 }, 0, "attempts"],
  ["a job that completed though it always fails", { failures: 99, attempts: 8 }, 0, "wrong end"],
  ["an attempt too many", { attempts: 2 }, 0, "attempts"],
  ["more attempts than allowed", { ...keyed, attempts: 9 }, 1, "attempts"],
])("%s is seen", (_, fate, effects, breach) => {
  expect(breachOf(fate, effects)).toBe(breach);
});

test("declared duplicates are counted, not hidden", () => {
  const fate: JobFate = { ...whole, kind: "repeatable", heard: 0 };
  expect(judge([fate], new Map([["j", 3]])).declaredDuplicates).toBe(2);
});
