import { expect, test } from "vitest";
import { z } from "zod";
import { defineJob, enqueue, enqueueMany } from "#shared/index.ts";
import { register } from "#shared/jobs/register.ts";
import { readStraight } from "#shared/outbox/take-straight.ts";
import { serviceDatabase } from "../../support/service-database.ts";

const payload = z.object({});
const Theirs = defineJob("theirs.urgent", { payload, priority: "critical" });
const Ours = defineJob("ours.urgent", { payload, priority: "critical" });
const { db } = await serviceDatabase("theirs", [Theirs]);
await register(db, "ours", [Ours], []);

test("a look goes through a page of rows, whosever they are, and says where the next one begins", async () => {
  await enqueueMany(
    db,
    Theirs,
    Array.from({ length: 700 }, () => ({ payload: {} })),
  );
  const ours = [await enqueue(db, Ours, {}), await enqueue(db, Ours, {}), await enqueue(db, Ours, {})];
  const look = (above: string, limit: number, inHand: readonly string[] = []) =>
    readStraight(db, { service: "ours", above, inHand, limit });

  const first = await look("0", 10);
  expect(first.jobs).toEqual([]);
  if (first.upTo === undefined) throw new Error("700 rows are more than a page");
  const second = await look(first.upTo, 10);
  expect(second.jobs.map(({ id }) => id)).toEqual(ours);
  expect(second.upTo).toBeUndefined();

  // Whoever has no room for more goes on after the last.
  const some = await look(first.upTo, 2);
  expect(some.jobs.map(({ id }) => id)).toEqual(ours.slice(0, 2));
  const rest = await look(some.upTo ?? "", 2, [some.jobs[0]?.outboxId ?? ""]);
  expect(rest.jobs.map(({ id }) => id)).toEqual(ours.slice(2));
});
