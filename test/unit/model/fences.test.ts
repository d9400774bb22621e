import { expect, test, vi } from "vitest";
import { jobModel } from "../../model/job-model.ts";
import { search } from "../../model/search.ts";
import { bent } from "../../model/settings.ts";
import type { Setting } from "../../model/world.ts";

vi.setConfig({ testTimeout: 60_000 }); // a machine that has other things to do, too

/** The search would be worth nothing if it did not find what each fence is there for. */
function whatBreaks(setting: Setting): string | undefined {
  return search(jobModel(setting)).violation?.what;
}

const STUCK = "no way leads from here to an end";

test("a delivery that is not held against the job's send", () => {
  const faults = ["kill", "refused"] as const;
  const setting = bent("keyed, cannot ask", { faults }, "send fence");
  expect(whatBreaks(setting)).toBe("taken before its time was come");
});

test("a run that settles under another's claim", () => {
  const faults = ["stall", "unreachable"] as const;
  const setting = bent("keyed, cannot ask", { faults }, "claim fence");
  expect(whatBreaks(setting)).toBe("cancelled, and yet it had its effect");
});

test("an intent that is not stored before the call", () => {
  const faults = ["stall", "kill"] as const;
  expect(whatBreaks(bent("at most once", { faults }, "intent before the call"))).toBe("2 effects");
});

test("a new key after `none`, while a call may be on its way under the old one", () => {
  const faults = ["stall", "timeout"] as const;
  const setting = bent("keyed, asks a provider that only knows effects", { faults }, "same key after none");
  expect(whatBreaks(setting)).toBe("2 effects");
});

test("a relay that deletes the rows of a job instead of the row it published", () => {
  const faults = ["stall"] as const;
  const setting = bent(
    "keyed, cannot ask",
    { faults, faultCount: 1, expires: false },
    "delete by id",
    "sweep of stragglers",
  );
  expect(whatBreaks(setting)).toBe(STUCK);
});

test("a marker that is put before the rows of the new incarnation", () => {
  const setting = bent("keyed, cannot ask", {}, "rows before the marker", "sweep of stragglers");
  expect(whatBreaks({ ...setting, faults: ["wipe", "relayDies"] })).toBe(STUCK);
});

test("nobody who sends again what a dead holder ran", () => {
  const faults = ["kill", "cut"] as const;
  expect(whatBreaks(bent("at most once", { faults }, "sweep of orphans"))).toBe(STUCK);
});

test("nobody who sends again what the broker lost", () => {
  expect(whatBreaks(bent("database effects", {}, "sweep of stragglers"))).toBe(STUCK);
});

test("a job that is given back under the same send, though its delivery is gone", () => {
  const faults = ["cut", "drain"] as const;
  const without = ["next send of what is given back", "sweep of stragglers"];
  expect(whatBreaks(bent("at most once", { faults }, ...without))).toBe(STUCK);
  expect(whatBreaks(bent("at most once", { faults }, "sweep of stragglers"))).toBe(undefined);
});

test("no new incarnation needs the sweep beside it", () => {
  const faults = ["kill", "cut", "drain", "wipe", "relayDies", "refused"] as const;
  expect(
    whatBreaks(bent("keyed, asks a provider that remembers refusals", { faults }, "sweep of stragglers")),
  ).toBe(undefined);
});

test("what no fence can prevent: a late call of a job that was cancelled because nothing had come of it yet", () => {
  const setting = bent("keyed, asks a provider that remembers refusals", { people: ["cancel"] });
  expect(whatBreaks({ ...setting, faults: ["stall"] })).toBe("cancelled, and yet it had its effect");
});

test("without a key, a late call beside a second one", () => {
  const setting = bent("at most once, asks", { faults: ["stall"] }, "doubt after none");
  expect(whatBreaks(setting)).toBe("2 effects");
});
