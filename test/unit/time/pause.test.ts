import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { pause } from "#shared/time/pause.ts";

test("a pause ends at once when its signal is aborted, and does not throw", async () => {
  const end = new AbortController();
  const pausing = pause(600_000, end.signal);
  end.abort(new Error("stop"));
  await expect(pausing).resolves.toBeUndefined();
  await expect(pause(600_000, end.signal)).resolves.toBeUndefined();
});

test("a pause that is over leaves no listener on its signal", async () => {
  const end = new AbortController();
  for (let turn = 0; turn < 20; turn += 1) await pause(0, end.signal);
  expect(getEventListeners(end.signal, "abort")).toHaveLength(0);
});
