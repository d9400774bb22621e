import { expect, test, vi } from "vitest";
import { jobModel } from "../../model/job-model.ts";
import { search } from "../../model/search.ts";
import { bent } from "../../model/settings.ts";

vi.setConfig({ testTimeout: 60_000 }); // a machine that has other things to do, too

const STUCK = "no way leads from here to an end";

test("nobody who looks for jobs that were held while their gate opened", () => {
  const setting = bent("behind a gate", { faults: ["shuts"], faultCount: 1, people: [] });
  expect(search(jobModel(setting)).violation).toBeUndefined();
  const found = search(jobModel({ ...setting, without: new Set(["look for the forgotten"]) }));
  expect(found.violation?.what).toBe(STUCK);
  // Found shut, opened, let go, held: the order that the look is there for.
  expect(found.violation?.trace.slice(-4)).toEqual([
    "A gets send 1",
    "A finds the gate shut",
    "the pause is over",
    "the gate is clear",
  ]);
});

test("a probe that is lost with its process and followed by none", () => {
  const setting = bent("behind a gate", { faults: ["shuts", "kill"], people: [] });
  expect(search(jobModel(setting)).violation).toBeUndefined();
  const found = search(jobModel({ ...setting, without: new Set(["next probe"]) }));
  expect(found.violation?.what).toBe(STUCK);
});
