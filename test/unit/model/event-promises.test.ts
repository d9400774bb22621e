import { expect, test, vi } from "vitest";
import { eventModel } from "../../model/event-model.ts";
import { search } from "../../model/search.ts";

vi.setConfig({ testTimeout: 60_000 }); // a machine that has other things to do, too

const STUCK = "no way leads from here to an end";

function whatBreaks(...without: string[]): string | undefined {
  return search(eventModel({ faultCount: 2, without: new Set(without) })).violation?.what;
}

test("an event is heard, and one job made of it, whatever order things happen in", () => {
  const { worlds, violation } = search(eventModel({ faultCount: 2, without: new Set() }));
  expect(violation).toBeUndefined();
  expect(worlds).toBeGreaterThan(1_000);
});

test("a job whose id is not derived from its event", () => {
  expect(whatBreaks("derived id")).toBe("2 jobs of one event");
});

test("an ack that comes before the job", () => {
  expect(whatBreaks("job before the ack")).toBe(STUCK);
});

test("an event that expires in its subscriber's queue, and is not told again", () => {
  expect(whatBreaks("telling what expired")).toBe(STUCK);
});

test("an event that expires while the relay has its row in hand, which is taken for one that will tell it again", () => {
  expect(whatBreaks("a row that waits")).toBe(STUCK);
});

test("a marker that is put before the events are to be told again", () => {
  expect(whatBreaks("rows before the marker")).toBe(STUCK);
});
