import { expect, test, vi } from "vitest";
import { jobModel } from "../../model/job-model.ts";
import { search } from "../../model/search.ts";
import { bent, ROADS } from "../../model/settings.ts";
import type { Setting } from "../../model/world.ts";

vi.setConfig({ testTimeout: 60_000 }); // a machine that has other things to do, too

const STUCK = "no way leads from here to an end";

function whatBreaks(setting: Setting): string | undefined {
  return search(jobModel(setting)).violation?.what;
}

test.each(Object.entries(ROADS))(
  "a job %s keeps every promise, whatever order things happen in",
  (_, setting) => {
    const { worlds, violation } = search(jobModel(setting));
    expect(violation).toBeUndefined();
    expect(worlds).toBeGreaterThan(300);
  },
);

test("a row that leaves the outbox before its job is claimed", () => {
  const setting = bent("critical, past the broker", { faults: ["kill"] }, "sweep of stragglers");
  expect(whatBreaks(setting)).toBeUndefined();
  expect(whatBreaks({ ...setting, without: new Set([...setting.without, "row and claim together"]) })).toBe(
    STUCK,
  );
});

test("a job past the broker that is given back under the same send: no message will bring it", () => {
  const name = "critical, past the broker, at most once";
  const setting = bent(name, { faults: ["drain"] }, "sweep of stragglers");
  expect(whatBreaks(setting)).toBeUndefined();
  const without = new Set([...setting.without, "next send of what is given back"]);
  expect(whatBreaks({ ...setting, without })).toBe(STUCK);
});
