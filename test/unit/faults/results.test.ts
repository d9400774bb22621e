import { expect, test } from "vitest";
import { isClean, misses, RoundResult } from "../../faults/results.ts";
import { jsonOf, originsOf, shortages } from "../../faults/summary.ts";

const round = (changes: Partial<RoundResult> = {}) =>
  RoundResult.parse({
    scenario: "kills",
    round: 0,
    seed: 1,
    commit: "abc",
    endedAt: "2026-01-01T00:00:00Z",
    seconds: 1,
    committed: 10,
    lost: 0,
    duplicateEffects: 0,
    declaredDuplicates: 0,
    wrongEnds: 0,
    leftovers: 0,
    deliveries: 10,
    faults: { "relay.claimed": 5 },
    unexpectedExits: 0,
    recoveriesMs: [100],
    notes: [],
    ...changes,
  });
const memory = { name: "peak memory", unit: "MB", most: 150 };
const slow = { name: "p99 with ÷ without", unit: "×", value: 9, most: 1.5 };
const scenario = {
  name: "kills",
  what: "",
  rounds: 2,
  wants: { "relay.claimed": 10 },
  inject: () => Promise.resolve(),
};

test.each<[string, Partial<RoundResult>]>([
  ["a figure beyond its limit", { figures: [{ ...memory, value: 151 }] }],
  ["a time beyond its limit", { figures: [slow] }],
  ["a recovery that took too long", { recoveriesMs: [100, 10_001] }],
  ["a recovery that was not seen", { recoveriesMs: [null] }],
  ["a lost job", { lost: 1 }],
])("a round with %s is not clean", (_, changes) => {
  expect(isClean(round(changes))).toBe(false);
});

test("a round within its limits is clean, and a quick one says nothing of times", () => {
  expect(isClean(round({ figures: [{ ...memory, value: 150 }] }))).toBe(true);
  const quick = round({ quick: true, figures: [slow], recoveriesMs: [null] });
  expect(isClean(quick)).toBe(true);
  expect(isClean(round({ quick: true, figures: [{ ...memory, value: 151 }] }))).toBe(false);
  expect(misses(round({ figures: [slow], recoveriesMs: [12_000] }))).toEqual([
    "p99 with ÷ without: 9 ×",
    "work flowed again after 12000 ms",
  ]);
});

test("faults that all rounds of a scenario struck too seldom are named; one that is under way is not judged", () => {
  expect(shortages([round(), round({ round: 1 })], [scenario])).toEqual([]);
  const short = [round(), round({ round: 1, faults: { "relay.claimed": 4 } })];
  expect(shortages(short, [scenario])).toEqual([
    { scenario: "kills", fault: "relay.claimed", done: 9, wanted: 10 },
  ]);
  expect(shortages(short.slice(1), [scenario])).toEqual([]);
  expect(JSON.parse(jsonOf(short, false, shortages(short, [scenario])))).toMatchObject({ ok: false });
});

test("a table that has grown over several commits and seeds says so", () => {
  expect(originsOf([round(), round({ commit: "def", seed: 2 })])).toBe("commits abc, def; seeds 1, 2");
});
