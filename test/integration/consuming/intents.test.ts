import { sql } from "kysely";
import { expect, test } from "vitest";
import { z } from "zod";
import {
  type Answer,
  defineJob,
  type Effects,
  handle,
  type JobDefinition,
  RetryableError,
  UnknownOutcomeError,
} from "#shared/index.ts";
import { add, declareQueueOf, holds, intentsOf, leaveToGhost, lettersOf, useRoad } from "./road.ts";

const engine = useRoad();
const payload = z.object({});
type Payload = z.infer<typeof payload>;
const job = (type: string, backoff: readonly number[] = [10]) =>
  defineJob(type, { payload, priority: "high", attempts: 4, backoff });

/** A handler that notes every call of the provider, as `perform <key>` and `ask <key>`. */
function scripted(
  definition: JobDefinition<Payload>,
  effects: Effects,
  performs: readonly (Error | string)[],
  answers?: readonly (Answer<string> | Error)[],
) {
  const calls: string[] = [];
  let performed = 0;
  let asked = 0;
  const ask = async ({ intent }: { intent: { key: string } }): Promise<Answer<string>> => {
    calls.push(`ask ${intent.key}`);
    const answer = answers?.[asked++] ?? { effect: "unknown" };
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const handler = handle<Payload, string>(definition, {
    effects,
    perform: async ({ intent }) => {
      calls.push(`perform ${intent.key}`);
      const end = performs[performed++] ?? "done";
      if (end instanceof Error) throw end;
      return end;
    },
    ...(answers === undefined ? {} : { ask }),
    record: async (_, receipt) => receipt,
  });
  return { handler, calls };
}

/** Enqueues a job and leaves it as a process does that died between claim and settling. */
async function crashed(service: string, definition: JobDefinition<Payload>, hoursAgo = 0): Promise<string> {
  const queue = await declareQueueOf(engine, service, definition);
  const id = await add(engine, definition, {});
  await holds(engine, queue, 1);
  await leaveToGhost(engine, id);
  await sql`update duly.intents set made_at = made_at - ${hoursAgo} * interval '1 hour' where job_id = ${id}`.execute(
    engine.db,
  );
  await engine.broker.handBack(queue);
  return id;
}

test.concurrent.each([
  [13, ["outcome_in_doubt"], 0],
  [11, [], 1],
])(
  "in doubt, a key of %i h that nobody can be asked about: letters %o, performed again %i times",
  async (hours, reasons, times) => {
    const service = `intent-of-${hours}h`;
    const Work = job(`${service}.work`);
    const { handler, calls } = scripted(Work, "keyed", []);
    const id = await crashed(service, Work, hours);
    await engine.consume(service, [handler]);
    await engine.reaches(id, "completed", "dead_lettered");
    expect((await lettersOf(engine, id)).map(({ reason }) => reason)).toEqual(reasons);
    expect(calls).toEqual(Array.from({ length: times }, () => `perform ${id}.1`));
  },
);

test.concurrent("the key stays the same over errors that leave the effect unknown", async () => {
  const Work = job("same.work");
  const { handler, calls } = scripted(Work, "keyed", [
    new Error("reset"),
    new UnknownOutcomeError("timed out"),
  ]);
  await engine.consume("same", [handler]);
  const id = await add(engine, Work, {});
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 3 });
  expect(calls).toEqual([1, 1, 1].map((n) => `perform ${id}.${n}`));
  expect(await intentsOf(engine, id)).toEqual(["1 applied"]);
});

test.concurrent("the next key comes only after an error that surely had no effect", async () => {
  const Work = job("next.work");
  const none = new RetryableError("refused", "refused", { effect: "none" });
  const { handler, calls } = scripted(Work, "atMostOnce", [none, none]);
  await engine.consume("next", [handler]);
  const id = await add(engine, Work, {});
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 3 });
  expect(calls).toEqual([1, 2, 3].map((n) => `perform ${id}.${n}`));
  expect(await intentsOf(engine, id)).toEqual(["1 refused", "2 refused", "3 applied"]);
});

test.concurrent("after a crash the provider is asked, and an applied effect is recorded and not made again", async () => {
  const Work = job("applied.work");
  const id = await crashed("applied", Work);
  const { handler, calls } = scripted(Work, "keyed", [], [{ effect: "applied", receipt: "found" }]);
  await engine.consume("applied", [handler]);
  expect(await engine.reaches(id, "completed")).toMatchObject({ result: "found", attempt: 1, claim: 2 });
  expect(calls).toEqual([`ask ${id}.1`]);
  expect(await intentsOf(engine, id)).toEqual(["1 applied"]);
});

test.concurrent("after a crash without effect it is performed under the same key, for the request may still be on its way", async () => {
  const Work = job("none.work");
  const id = await crashed("none", Work);
  const { handler, calls } = scripted(Work, "keyed", [], [{ effect: "none" }]);
  await engine.consume("none", [handler]);
  expect(await engine.reaches(id, "completed")).toMatchObject({ result: "done", attempt: 1 });
  expect(calls).toEqual([`ask ${id}.1`, `perform ${id}.1`]);
  expect(await intentsOf(engine, id)).toEqual(["1 applied"]);
});

test.concurrent("after a crash whose key the provider closed it is performed under the next key, without an attempt", async () => {
  const Work = job("closed.work");
  const id = await crashed("closed", Work);
  const { handler, calls } = scripted(Work, "keyed", [], [{ effect: "none", closed: true }]);
  await engine.consume("closed", [handler]);
  expect(await engine.reaches(id, "completed")).toMatchObject({ result: "done", attempt: 1 });
  expect(calls).toEqual([`ask ${id}.1`, `perform ${id}.2`]);
  expect(await intentsOf(engine, id)).toEqual(["1 refused", "2 applied"]);
});

test.concurrent("after an answered error without effect the next attempt has the next key: nothing is on its way", async () => {
  const Work = job("answered.work");
  const { handler, calls } = scripted(Work, "keyed", [new Error("500")], [{ effect: "none" }]);
  await engine.consume("answered", [handler]);
  const id = await add(engine, Work, {});
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 2 });
  expect(calls).toEqual([`perform ${id}.1`, `ask ${id}.1`, `perform ${id}.2`]);
});

test.concurrent("while the provider cannot tell, the job is held and asked again, never performed", async () => {
  const Work = job("unknown.work");
  const id = await crashed("unknown", Work);
  const answers: (Answer<string> | Error)[] = [
    { effect: "unknown" },
    new Error("the provider's search is down"),
    { effect: "applied", receipt: "late" },
  ];
  const { handler, calls } = scripted(Work, "keyed", [], answers);
  await engine.consume("unknown", [handler]);
  const held = await engine.reaches(id, "held");
  expect(held).toMatchObject({ waits_for: "an answer about an earlier try", attempt: 0, holds: 1 });
  expect(await engine.reaches(id, "completed")).toMatchObject({ result: "late", attempt: 1, holds: 2 });
  expect(calls).toEqual([1, 2, 3].map(() => `ask ${id}.1`));
});

test.concurrent("atMostOnce in doubt after a crash is a dead letter for people", async () => {
  const Work = job("doubt.work");
  const id = await crashed("doubt", Work);
  const { handler, calls } = scripted(Work, "atMostOnce", []);
  await engine.consume("doubt", [handler]);
  await engine.reaches(id, "dead_lettered");
  expect(await lettersOf(engine, id)).toMatchObject([{ reason: "outcome_in_doubt" }]);
  expect(calls).toEqual([]);
  expect(await intentsOf(engine, id)).toEqual(["1 unknown"]);
});

test.concurrent("atMostOnce in doubt is not tried again because its provider knows of nothing yet", async () => {
  const Work = job("yet.work");
  const id = await crashed("yet", Work);
  const lost = new UnknownOutcomeError("the answer was lost");
  const { handler, calls } = scripted(Work, "atMostOnce", [lost], [{ effect: "none" }, { effect: "none" }]);
  await engine.consume("yet", [handler]);
  const other = await add(engine, Work, {});
  for (const each of [id, other]) {
    await engine.reaches(each, "dead_lettered");
    expect(await lettersOf(engine, each)).toMatchObject([{ reason: "outcome_in_doubt" }]);
  }
  expect(calls.toSorted()).toEqual([`ask ${id}.1`, `ask ${other}.1`, `perform ${other}.1`].toSorted());
});

test.concurrent("atMostOnce is tried again under a new key once its provider has closed the old one", async () => {
  const Work = job("anew.work");
  const id = await crashed("anew", Work);
  const { handler, calls } = scripted(Work, "atMostOnce", [], [{ effect: "none", closed: true }]);
  await engine.consume("anew", [handler]);
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1 });
  expect(calls).toEqual([`ask ${id}.1`, `perform ${id}.2`]);
});

test.concurrent("atMostOnce dead-letters on an error that leaves the effect unknown", async () => {
  const Work = job("risk.work");
  const { handler, calls } = scripted(Work, "atMostOnce", [new Error("connection reset")]);
  await engine.consume("risk", [handler]);
  const id = await add(engine, Work, {});
  await engine.reaches(id, "dead_lettered");
  expect(await lettersOf(engine, id)).toMatchObject([{ reason: "outcome_in_doubt", attempts: 1 }]);
  expect(calls).toEqual([`perform ${id}.1`]);
});

test.concurrent("UnknownOutcomeError asks at once: applied completes in the same attempt", async () => {
  const Work = job("asked.work");
  const lost = new UnknownOutcomeError("the answer was lost");
  const { handler, calls } = scripted(Work, "keyed", [lost], [{ effect: "applied", receipt: "found" }]);
  await engine.consume("asked", [handler]);
  const id = await add(engine, Work, {});
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 1, claim: 1, result: "found" });
  expect(calls).toEqual([`perform ${id}.1`, `ask ${id}.1`]);
});

test.concurrent("UnknownOutcomeError counts when the provider says that there was no effect", async () => {
  const Work = job("counted.work");
  const lost = new UnknownOutcomeError("the answer was lost");
  const { handler, calls } = scripted(Work, "keyed", [lost], [{ effect: "none" }, { effect: "none" }]);
  await engine.consume("counted", [handler]);
  const id = await add(engine, Work, {});
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 2, claim: 2 });
  expect(calls).toEqual([`perform ${id}.1`, `ask ${id}.1`, `ask ${id}.1`, `perform ${id}.1`]);
});

test.concurrent("UnknownOutcomeError whose key the provider closed counts and gets the next key unasked", async () => {
  const Work = job("shut.work");
  const lost = new UnknownOutcomeError("the answer was lost");
  const { handler, calls } = scripted(Work, "keyed", [lost], [{ effect: "none", closed: true }]);
  await engine.consume("shut", [handler]);
  const id = await add(engine, Work, {});
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 2, claim: 2 });
  expect(calls).toEqual([`perform ${id}.1`, `ask ${id}.1`, `perform ${id}.2`]);
});

test.concurrent("UnknownOutcomeError that nobody can tell of counts later, once the provider says none", async () => {
  const Work = job("late.work");
  const lost = new UnknownOutcomeError("the answer was lost");
  const answers: Answer<string>[] = [{ effect: "unknown" }, { effect: "none" }, { effect: "none" }];
  const { handler, calls } = scripted(Work, "keyed", [lost], answers);
  await engine.consume("late", [handler]);
  const id = await add(engine, Work, {});
  expect(await engine.reaches(id, "held")).toMatchObject({ attempt: 0 });
  expect(await engine.reaches(id, "completed")).toMatchObject({ attempt: 2 });
  const asked = [1, 2, 3].map(() => `ask ${id}.1`);
  expect(calls).toEqual([`perform ${id}.1`, ...asked, `perform ${id}.1`]);
});
