import { expect, test } from "vitest";
import { z } from "zod";
import { defineJob, handle } from "#shared/index.ts";
import { eventually } from "../../support/eventually.ts";
import { add, Gate, holds, published, putSend, useRoad } from "./road.ts";

const engine = useRoad();
const payload = z.object({ place: z.number() });

test("a holder that lost only its channel and the one who takes over have one effect at a provider that drops a known key", async () => {
  const Work = defineJob("living.work", { payload, priority: "high" });
  const provider = new Set<string>();
  const slow = new Gate();
  const over = Promise.withResolvers<void>();
  const consumerOf = (name: string) =>
    handle(Work, {
      effects: "keyed",
      perform: async ({ payload: { place }, intent }) => {
        if (name === "first" && place === 0) await slow.pass(); // its request has not left yet
        provider.add(intent.key);
        if (name === "first" && place === 0) over.resolve();
        return intent.key;
      },
      ask: async ({ intent }) =>
        provider.has(intent.key)
          ? { effect: "applied" as const, receipt: intent.key }
          : { effect: "none" as const },
    });
  await engine.consume("living", [consumerOf("first")], { high: 1 });
  const id = await add(engine, Work, { place: 0 });
  await slow.reached;
  await published(engine, await add(engine, Work, { place: 1 })); // fills the prefetch of the first
  await holds(engine, "living.high", 0);
  await putSend(engine, "living.high", { type: Work.type, id, send: 1, payload: { place: 0 } });
  await holds(engine, "living.high", 1);
  await engine.broker.handBack("living.high"); // as the broker does when it thinks the first gone
  await engine.consume("living", [consumerOf("second")], { high: 1 });
  await engine.reaches(await add(engine, Work, { place: 2 }), "completed"); // the second has settled what came before
  slow.open();
  await over.promise;
  await eventually("the job to be completed", () => engine.reaches(id, "completed"));
  expect([...provider].filter((key) => key.startsWith(id))).toEqual([`${id}.1`]);
});
