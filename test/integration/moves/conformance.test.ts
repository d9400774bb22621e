import { sql } from "kysely";
import { expect, test } from "vitest";
import { cancelJob } from "#shared/jobs/cancel-job.ts";
import { expire } from "#shared/jobs/expire.ts";
import { fireDue } from "#shared/jobs/fire-due.ts";
import { giveBackJob } from "#shared/jobs/give-back.ts";
import { beginIncarnation } from "#shared/jobs/incarnation.ts";
import { nextIntent, noteIntent } from "#shared/jobs/intents.ts";
import { packReceipt } from "#shared/jobs/receipt.ts";
import { requeueOrphans } from "#shared/jobs/requeue-orphans.ts";
import { sendStragglers } from "#shared/jobs/stragglers.ts";
import { takeJob, takeOver } from "#shared/jobs/take-job.ts";
import * as model from "../../model/rows.ts";
import type { Ending, Rows } from "../../model/world.ts";
import { HOLDERS } from "./job-rows.ts";
import { kind, seen, useMoves } from "./moves-world.ts";
import {
  interruptReally,
  recordReally,
  rejectReally,
  replayReally,
  rowOf,
  settleReally,
} from "./real-moves.ts";

/**
 * The search is worth as much as its moves are like the real ones. Here each of them meets the statement that it stands
 * for, in every state of the rows that the search comes by, stale deliveries and lost claims included.
 */

const { engine, reached, expectAlike, expectEachAlike, mostlyIn } = useMoves();

test("the search comes by hundreds of states", () => {
  expect(reached.length).toBeGreaterThan(200);
});

test("the scheduler sends what is due", () =>
  expectAlike(reached, model.fireDue, () => fireDue(engine.db, 1_000, 0)));

test("the sweep sends orphans again", () =>
  expectAlike(reached, model.requeueOrphans, () =>
    engine.db.transaction().execute((trx) => requeueOrphans(trx)),
  ));

test("the scheduler ends what is expired", () =>
  expectAlike(reached, model.expire, () => engine.db.transaction().execute((trx) => expire(trx, 1_000))));

test("a new incarnation sends again what only the lost broker had", () =>
  expectAlike(reached, model.beginIncarnation, () => engine.db.transaction().execute(beginIncarnation)));

test("the sweep sends stragglers again", () =>
  expectAlike(reached, model.sendStraggler, (ids) =>
    engine.db.transaction().execute(async (trx) => {
      await sql`
        insert into duly.suspects (job_id, send, queue, overdue, seen_at, passed_at)
        select id, send, 'moves.high', false, duly.now(), duly.now() - interval '1 minute' from duly.jobs
        where id = any (${ids}::uuid[])
      `.execute(trx);
      await sendStragglers(trx);
    }),
  ));

test("somebody cancels", () =>
  expectEachAlike(reached, model.cancel, (id) => cancelJob(engine.db, id, "no more")));

test.each([
  ["live", 0],
  ["stale", 1],
])("a consumer takes the job of a %s delivery", async (_, behind) => {
  const states = mostlyIn("queued", "retrying");
  const wanted = (rows: Rows) => rows.send - behind;
  const said = await expectEachAlike(
    states,
    (rows) => model.takeJob(rows, wanted(rows), "B").rows,
    async (id, rows) => seen(await takeJob(engine.db, { id, send: wanted(rows), holder: HOLDERS.B })),
  );
  expect(said).toEqual(states.map((rows) => model.takeJob(rows, wanted(rows), "B").taken));
});

test.each([
  ["running", 0, 0],
  ["running under another claim", 0, 1],
  ["running under another send", 1, 0],
])("a consumer takes a job over that is %s", async (_, sends, claims) => {
  const states = mostlyIn("running");
  const wanted = (rows: Rows) => ({ send: rows.send - sends, claim: rows.claim - claims });
  const said = await expectEachAlike(
    states,
    (rows) => model.takeOver(rows, { ...wanted(rows), holder: "B" }).rows,
    async (id, rows) => seen(await takeOver(engine.db, { id, ...wanted(rows), holder: HOLDERS.B })),
  );
  expect(said).toEqual(states.map((rows) => model.takeOver(rows, { ...wanted(rows), holder: "B" }).taken));
});

test.each([
  ["its own", 0],
  ["a lost", 1],
])("a consumer opens the next key under %s claim", async (_, behind) => {
  const states = mostlyIn("running").filter(({ intents }) => intents.length > 0);
  const next = (rows: Rows) => model.nextIntent(rows, rows.claim - behind, rows.intents.length);
  const said = await expectEachAlike(
    states,
    (rows) => next(rows).rows,
    (id, { claim, intents }) => nextIntent(engine.db, { id, claim: claim - behind }, intents.length),
  );
  expect(said).toEqual(states.map((rows) => next(rows).number));
});

test("a consumer keeps the receipt of an effect that it could not record", () =>
  expectEachAlike(
    mostlyIn("running"),
    (rows) => model.keepReceipt(rows, 1),
    (id) => noteIntent(engine.db, { jobId: id, number: 1 }, "applied", packReceipt("kept")),
  ));

test.each([
  ["its own claim, not begun", 0, false, false],
  ["its own claim, to be sent again", 0, true, true],
  ["a lost claim", 1, true, true],
])("a consumer that stops gives a job back under %s", async (_, behind, begun, again) => {
  const run = ({ claim, intents }: Rows) => ({
    claim: claim - behind,
    number: intents.length,
    before: undefined,
  });
  await expectEachAlike(
    mostlyIn("running"),
    (rows) => model.giveBack(rows, run(rows), { begun, again }),
    async (id, rows) => {
      const { claim, number } = run(rows);
      const job = {
        ...(await rowOf(engine.db, id)),
        claim,
        intent_number: number,
        intent_before: null,
        intent_age_ms: 0,
        receipt: null,
      };
      await giveBackJob(engine.db, job, { begun, again });
    },
  );
});

test.each([false, true])("a run that is interrupted is given back, its channel gone: %s", async (isGone) => {
  const rows = model.enqueue("now", false, false);
  const { rows: running, taken } = model.takeJob(rows, rows.send, "B");
  const left = model.giveBack(running, taken!, { begun: true, again: isGone });
  await expectEachAlike(
    [{ ...rows, outbox: [] }],
    () => ({ ...left, outbox: isGone ? left.outbox.slice(-1) : [] }),
    (id) => interruptReally(engine.db, { id, send: rows.send, isGone }),
  );
});

const ENDINGS: readonly [Ending, boolean][] = [
  [{ kind: "applied" }, true],
  [{ kind: "cancelled" }, true],
  [{ kind: "dead", intent: "unknown" }, true],
  [{ kind: "held", intent: "unsent" }, true],
  [{ kind: "held", intent: "doubtful" }, true],
  [{ kind: "failed", intent: "refused" }, true],
  [{ kind: "failed", intent: "answered" }, false],
];

test.each(ENDINGS)(
  "a consumer settles a run that ended as %o, over the ladder: %s",
  async (ending, onLadder) => {
    const asks = !onLadder;
    const limits = { maxAttempts: kind.maxAttempts, onLadder, asks };
    const runs = (rows: Rows, behind: number) => ({
      claim: rows.claim - behind,
      number: rows.intents.length,
    });
    for (const [states, behind] of [
      [mostlyIn("running"), 0],
      [mostlyIn(), 1],
    ] as const) {
      await expectEachAlike(
        states,
        (rows) => model.settle(rows, runs(rows, behind), ending, limits) ?? rows,
        (id, rows) => settleReally(engine.db, id, runs(rows, behind), ending, { onLadder, asks }),
      );
    }
  },
);

test.each([
  ["applied", true],
  ["failed", true],
  ["failed", false],
  ["held", true],
] as const)(
  "a consumer records in one transaction what %s, over the ladder: %s",
  async (ending, onLadder) => {
    const limits = { maxAttempts: kind.maxAttempts, onLadder };
    for (const [states, behind] of [
      [mostlyIn("queued", "retrying"), 0],
      [mostlyIn(), 1],
    ] as const) {
      await expectEachAlike(
        states,
        (rows) => model.record(rows, rows.send - behind, ending, limits) ?? rows,
        (id, rows) => recordReally(engine.db, { id, send: rows.send - behind }, ending, onLadder),
      );
    }
  },
);

test("the recorder makes a letter of what its queue gave up", async () => {
  for (const behind of [0, 1]) {
    await expectEachAlike(
      reached,
      (rows) => model.recordRejected(rows, rows.send - behind),
      (id, rows) => rejectReally(engine.db, id, rows.send - behind),
    );
  }
});

test("somebody replays a letter", () =>
  expectEachAlike(mostlyIn("dead_lettered"), model.replayLetter, (id) => replayReally(engine.db, id)));
