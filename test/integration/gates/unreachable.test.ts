import { expect, test } from "vitest";
import { z } from "zod";
import { defineJob, handle, UnreachableError } from "#shared/index.ts";
import { eventually } from "../../support/eventually.ts";
import { add } from "../consuming/road.ts";
import { useGates } from "./gate-world.ts";

const { engine, advance } = useGates();
const HALF_AN_HOUR = 30 * 60_000;

test("a single job whose provider cannot be reached for 30 minutes, with no breaker, spends no attempt and is done then", async () => {
  const Work = defineJob("alone.work", { payload: z.object({}), priority: "high", attempts: 1, backoff: [] });
  let reachable = false;
  const perform = async () => {
    if (!reachable) throw new UnreachableError("bank", "no route");
    return "here";
  };
  await engine.consume("alone", [handle(Work, { effects: "atMostOnce", perform })]);
  const id = await add(engine, Work, {});
  let passed = 0;
  for (let holds = 1; passed < HALF_AN_HOUR; holds += 1) {
    const wait = await eventually(`hold ${holds}`, async () => {
      const job = await engine.reaches(id, "held");
      return job.holds === holds && job;
    });
    expect(wait).toMatchObject({ attempt: 0, waits_for: "unreachable: bank" });
    await advance(60_000);
    passed += 60_000;
  }
  reachable = true;
  await advance(60_000);
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1, result: "here" });
});
