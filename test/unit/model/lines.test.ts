import { expect, test, vi } from "vitest";
import { lineModel } from "../../model/line-model.ts";
import { search } from "../../model/search.ts";

vi.setConfig({ testTimeout: 60_000 }); // a machine that has other things to do, too

const STUCK = "no way leads from here to an end";

function whatBreaks(...without: string[]): string | undefined {
  return search(lineModel({ jobs: 3, faultCount: 2, without: new Set(without) })).violation?.what;
}

test("a line of three jobs lets one after the other go and comes to its end, whatever order things happen in", () => {
  const { worlds, violation } = search(lineModel({ jobs: 3, faultCount: 2, without: new Set() }));
  expect(violation).toBeUndefined();
  expect(worlds).toBeGreaterThan(1_000);
});

test("a promoter that deletes signals which it had not taken: a job that is enqueued while the active one completes", () => {
  expect(whatBreaks("only what was taken")).toBe(STUCK);
});

test("a promoter that looks before it takes the signals", () => {
  expect(whatBreaks("look after taking")).toBe(STUCK);
});

test("a signal that is not of the transaction which makes the change", () => {
  expect(whatBreaks("signal with the change")).toBe(STUCK);
});

test("a head that somebody has locked, and nobody looks at again", () => {
  expect(whatBreaks("second look at a locked head")).toBe(STUCK);
});

test("two promoters at one line", () => {
  expect(whatBreaks("lock of the line")).toBe("2 jobs of one line at once");
});
