import { expect, test } from "vitest";
import { holdDeliveries } from "#shared/consuming/hold-deliveries.ts";
import { pauseGate } from "#shared/gates/pause-gate.ts";
import { releaseHeld } from "#shared/gates/release-held.ts";
import { promote } from "#shared/jobs/promote.ts";
import * as model from "../../model/rows.ts";
import * as straight from "../../model/straight-rows.ts";
import type { Rows } from "../../model/world.ts";
import { GATE } from "./job-rows.ts";
import { kind, seen, useMoves } from "./moves-world.ts";
import { interruptReally, recordReally, takeStraightReally, waitInOutbox } from "./real-moves.ts";

/** The moves of roads that only some jobs go, held against the real statements as conformance.test.ts does with the rest. */

const { engine, reached, expectAlike, expectEachAlike, mostlyIn } = useMoves();

test("the promoter sends the first of a line", () =>
  expectAlike(reached, model.promote, () =>
    engine.db.transaction().execute((trx) => promote(trx, 10 * reached.length)),
  ));

test.each([
  ["live", 0],
  ["stale", 1],
])("a consumer holds the job of a %s delivery before a shut gate", (_, behind) =>
  expectAlike(
    reached,
    (rows) => model.holdAtGate(rows, rows.send - behind),
    async (ids, states) => {
      await pauseGate(engine.db, { gate: GATE, reason: undefined, until: undefined });
      const waiting = ids.map((id, place) => ({ id, send: states[place]!.send - behind }));
      await holdDeliveries(
        engine.db,
        waiting.map((one) => ({ ...one, gates: [GATE], full: undefined })),
      );
    },
  ),
);

test("the scheduler releases what is held at a gate", () =>
  expectAlike(reached, model.releaseHeld, () =>
    releaseHeld(engine.db, { gate: GATE, most: reached.length }),
  ));

/** The same rows with a send in the outbox. */
const waitingFor = (rows: Rows, send: number): Rows => ({
  ...rows,
  outbox: [{ send, wait: false, published: false }],
});

test.each([
  ["present", 0],
  ["overtaken", 1],
])("a consumer takes a job past the broker whose send in the outbox is %s", async (_, behind) => {
  const states = mostlyIn("queued", "retrying");
  const takes = (rows: Rows) => {
    const send = rows.send - behind;
    return straight.takeStraight(waitingFor(rows, send), send, "B");
  };
  const said = await expectEachAlike(
    states,
    (rows) => takes(rows).rows,
    async (id, rows) => seen(await takeStraightReally(engine.db, { id, send: rows.send - behind })),
  );
  expect(said).toEqual(states.map((rows) => takes(rows).taken));
});

test("a run past the broker that is interrupted is given back under the next send", async () => {
  const rows = model.enqueue("now", false, false);
  const { rows: running, taken } = straight.takeStraight(rows, rows.send, "B");
  await expectEachAlike(
    [{ ...rows, outbox: [] }],
    () => model.giveBack(running, taken!, { begun: true, again: true }),
    async (id) => {
      const outboxId = await waitInOutbox(engine.db, id, rows.send);
      await interruptReally(engine.db, { id, send: rows.send, isGone: false, outboxId });
    },
  );
});

test.each(["applied", "failed", "held"] as const)(
  "a consumer records past the broker what %s, its row in the outbox with it",
  async (ending) => {
    const limits = { maxAttempts: kind.maxAttempts, onLadder: false };
    await expectEachAlike(
      mostlyIn("queued", "retrying"),
      (rows) => straight.recordStraight(waitingFor(rows, rows.send), rows.send, ending, limits) ?? rows,
      async (id, rows) => {
        const outboxId = await waitInOutbox(engine.db, id, rows.send);
        await recordReally(engine.db, { id, send: rows.send, outboxId }, ending, false);
      },
    );
  },
);
