import { sql } from "kysely";
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import type { Delivery } from "#shared/broker/consume-queue.ts";
import { hearEvent } from "#shared/consuming/hear-event.ts";
import { tellLater } from "#shared/events/tell-later.ts";
import { defineEvent, defineJob, emit, subscribe } from "#shared/index.ts";
import { beginIncarnation } from "#shared/jobs/incarnation.ts";
import { register } from "#shared/jobs/register.ts";
import { createLogger } from "#shared/log/logger.ts";
import * as model from "../../model/event.ts";
import { eventModel } from "../../model/event-model.ts";
import { search } from "../../model/search.ts";
import { serviceDatabase } from "../../support/service-database.ts";

/** The model of an event is held against the real statements, in every state of the rows that the search comes by. */

const Told = defineEvent("moves.told", { version: 1, data: z.object({}) });
const Heard = defineJob("event-moves.heard", { payload: z.object({}), priority: "high" });
const { db } = await serviceDatabase("event_moves", []);
await register(db, "event-moves", [Heard], [Told.routingKey]);

afterEach(async () => {
  await sql`truncate duly.jobs, duly.outbox, duly.events, duly.event_resends, duly.dead_letters`.execute(db);
});

type Rows = model.EventRows;

/** What a move can see: to it, a row that was published and not yet deleted is a row like another. */
const seen = ({ free, published, ...rows }: Rows): Rows => ({
  ...rows,
  free: free + published,
  published: 0,
});

function reachedRows(): Rows[] {
  const reached = new Map<string, Rows>();
  const events = eventModel({ faultCount: 2, without: new Set() });
  search({
    ...events,
    steps: (world) => {
      const rows = seen(world.rows);
      reached.set(JSON.stringify(rows), rows);
      return events.steps(world);
    },
  });
  return [...reached.values()];
}

async function write({ free, later, resend, jobs }: Rows): Promise<string> {
  const id = await emit(db, Told, {});
  await sql`truncate duly.outbox, duly.event_resends`.execute(db);
  await sql`
    insert into duly.outbox (lane, ref, send, not_before)
    select 'event', ${id}, 1, case when n > ${free} then duly.now() + interval '1 minute' end
    from generate_series(1, ${free + later}) as n
  `.execute(db);
  if (resend) {
    await sql`
      insert into duly.event_resends (above, until, reason, asked_at) values (duly.first_id_at(now() - interval '1 hour'),
        duly.first_id_at(now() + interval '1 hour'), 'test', now())`.execute(db);
  }
  if (jobs > 0) await hear(id);
  return id;
}

async function read(id: string): Promise<Rows> {
  const found = await sql<Omit<Rows, "published">>`
    select count(*) filter (where not_before is null)::integer as free,
      count(*) filter (where not_before > duly.now())::integer as later,
      (select count(*) from duly.jobs)::integer as jobs,
      exists (select from duly.event_resends where done_at is null) as resend
    from duly.outbox where lane = 'event' and ref = ${id}
  `.execute(db);
  return { ...found.rows[0]!, published: 0 };
}

/** The subscriber gets the event, as RabbitMQ brings it. */
async function hear(id: string): Promise<void> {
  const delivery: Delivery = {
    queue: "event-moves.events",
    exchange: "duly.events",
    routingKey: Told.routingKey,
    body: Buffer.from("{}"),
    messageId: id,
    type: Told.routingKey,
    correlationId: id,
    headers: {},
    redelivered: false,
    isGone: () => false,
    ack: () => undefined,
    giveBack: () => undefined,
  };
  const subscription = subscribe(Told, () => ({ job: Heard, payload: {} }));
  await hearEvent(delivery, {
    service: "event-moves",
    subscriptions: new Map([[Told.routingKey, subscription]]),
    db,
    log: createLogger("moves", "silent"),
    hurry: new AbortController().signal,
  });
}

const service = "event-moves";
const MOVES: readonly [string, (rows: Rows) => Rows, (id: string) => Promise<unknown>][] = [
  ["a new incarnation", model.beginIncarnation, () => db.transaction().execute(beginIncarnation)],
  ["telling again", model.tellAgain, () => sql`select duly.resend_events(100)`.execute(db)],
  [
    "telling later what expired",
    model.tellLater,
    (id) => db.transaction().execute((trx) => tellLater(trx, { id, service })),
  ],
  ["hearing", model.react, hear],
];

test.each(MOVES)("%s does what the model says, in every state", async (_, expected, move) => {
  const states = reachedRows();
  expect(states.length).toBeGreaterThan(8);
  for (const rows of states) {
    const id = await write(rows);
    await move(id);
    expect({ rows, real: await read(id) }).toEqual({ rows, real: expected(rows) });
    await sql`truncate duly.jobs, duly.events`.execute(db);
  }
});

test("nothing is told later of an event that the log has no more, or to whom nobody is subscribed", async () => {
  const tell = (id: string, to: string) =>
    db.transaction().execute((trx) => tellLater(trx, { id, service: to }));
  const id = await write({ free: 0, published: 0, later: 0, resend: false, jobs: 0 });
  expect(await tell(id, "somebody-else")).toBe(false);
  expect(await tell("0198a000-0000-7000-8000-000000000001", service)).toBe(false);
  expect((await read(id)).later).toBe(0);
  expect(await tell(id, service)).toBe(true);
  expect((await read(id)).later).toBe(1);
});
