import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BreakerSensor } from "#shared/resilience/breaker-sensor.ts";

const options = { errorPercentage: 50, volume: 10, windowMs: 10_000, probeAfterMs: 1_000 };
const onOpen = vi.fn<(failures: number) => void>();
let sensor: BreakerSensor;

beforeEach(() => {
  onOpen.mockClear();
  sensor = new BreakerSensor(options, onOpen);
});
afterEach(() => {
  vi.useRealTimers();
  sensor.end();
});

async function note(...calls: boolean[]): Promise<void> {
  for (const succeeded of calls) {
    sensor.note(succeeded);
    await turn(); // opossum counts a moment later
  }
}
const times = (count: number, succeeded: boolean) => Array.from({ length: count }, () => succeeded);

describe("BreakerSensor", () => {
  it("needs a volume of calls: nine failures prove nothing, the tenth opens, once", async () => {
    await note(...times(9, false));
    expect(onOpen).not.toHaveBeenCalled();
    await note(...times(5, false));
    expect(onOpen.mock.calls).toEqual([[10]]);
    expect(sensor.isOpen).toBe(true);
  });

  it("opens above the share of failures and not at it", async () => {
    await note(...times(10, true), ...times(10, false));
    expect(sensor.isOpen).toBe(false);
    await note(false);
    expect(sensor.isOpen).toBe(true);
  });

  it("is not closed by a late success, nor by time", async () => {
    await note(...times(10, false));
    vi.useFakeTimers();
    vi.advanceTimersByTime(86_400_000);
    sensor.note(true);
    expect(sensor.isOpen).toBe(true);
  });

  it("begins anew without the failures from before", async () => {
    await note(...times(10, false));
    sensor.beginAnew();
    await note(...times(9, false));
    expect(sensor.isOpen).toBe(false);
    await note(false);
    expect(onOpen).toHaveBeenCalledTimes(2);
  });
});
