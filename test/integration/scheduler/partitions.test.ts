import { type QueryExecutorProvider, sql } from "kysely";
import { expect, test } from "vitest";
import { serviceDatabase } from "../../support/service-database.ts";

const { db } = await serviceDatabase("house", []);
class RollBack extends Error {}

/** Runs in a transaction that leaves nothing, with the engine's clock at `at`. */
async function inTime(at: string, use: (trx: QueryExecutorProvider) => Promise<void>): Promise<void> {
  const transaction = db.transaction().execute(async (trx) => {
    // In seconds: days would be longer or shorter where summer time begins or ends.
    await sql`select set_config('duly.clock_offset',
      extract(epoch from ${at}::timestamptz - clock_timestamp())::text || ' s', true)`.execute(trx);
    await use(trx);
    throw new RollBack();
  });
  await transaction.catch((error: unknown) => {
    if (!(error instanceof RollBack)) throw error;
  });
}

async function partitions(trx: QueryExecutorProvider, parent: string) {
  const found = await sql<{ name: string; bound: string }>`
    select c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bound from pg_inherits i
      join pg_class c on c.oid = i.inhrelid where i.inhparent = ${parent}::regclass order by 1
  `.execute(trx);
  return found.rows;
}

async function names(trx: QueryExecutorProvider, parent: string): Promise<string[]> {
  return (await partitions(trx, parent)).map((row) => row.name);
}

async function addEvent(trx: QueryExecutorProvider, at: string): Promise<string> {
  const added = await sql<{ table: string }>`
    insert into duly.events (id, type, data, correlation_id, occurred_at)
    values (duly.first_id_at(${at}::timestamptz), 'test.happened.v1', '{}', duly.new_id(), ${at})
    returning (select relname from pg_class c where c.oid = events.tableoid) as table
  `.execute(trx);
  return added.rows[0]!.table;
}

const make = (trx: QueryExecutorProvider) => sql`select duly.make_partitions()`.execute(trx);

test("days of events and months of finished jobs are there ahead of time", async () => {
  await inTime("2031-12-30T23:30:00Z", async (trx) => {
    await make(trx);
    expect(await names(trx, "duly.events")).toEqual(
      expect.arrayContaining([
        "events_2031_12_30",
        "events_2031_12_31",
        "events_2032_01_01",
        "events_2032_01_02",
      ]),
    );
    expect(await names(trx, "duly.jobs_history")).toEqual(
      expect.arrayContaining(["jobs_history_2031_12", "jobs_history_2032_01", "jobs_history_2032_02"]),
    );
    expect(await addEvent(trx, "2032-01-01T00:00:00Z")).toBe("events_2032_01_01");
    expect(await addEvent(trx, "2031-12-31T23:59:59.999Z")).toBe("events_2031_12_31");
  });
});

test("making them again changes nothing", async () => {
  await inTime("2031-05-01T12:00:00Z", async (trx) => {
    await make(trx);
    const before = await names(trx, "duly.events");
    await make(trx);
    expect(await names(trx, "duly.events")).toEqual(before);
  });
});

test.each(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"])(
  "days and months are those of UTC when PostgreSQL's time zone is %s",
  async (zone) => {
    // Weeks in which summer time begins or ends there.
    for (const at of [
      "2031-03-29T20:00:00Z",
      "2031-03-08T20:00:00Z",
      "2031-10-25T12:00:00Z",
      "2031-11-01T12:00:00Z",
    ]) {
      await inTime(at, async (trx) => {
        await sql`select set_config('timezone', ${zone}, true)`.execute(trx);
        await make(trx);
        await sql`select set_config('duly.clock_offset',
          (current_setting('duly.clock_offset')::interval + '24 hours')::text, true)`.execute(trx);
        await make(trx);
        for (let day = 0; day < 4; day += 1) {
          for (const offset of [0, 86_399_999]) {
            const date = new Date(Date.parse(`${at.slice(0, 10)}T00:00:00Z`) + day * 86_400_000);
            const moment = new Date(date.getTime() + offset).toISOString();
            expect(await addEvent(trx, moment)).toBe(
              `events_${date.toISOString().slice(0, 10).replaceAll("-", "_")}`,
            );
          }
        }
        const months = await names(trx, "duly.jobs_history");
        const month = Number(at.slice(5, 7));
        for (const ahead of [0, 1, 2]) {
          const first = new Date(Date.UTC(2031, month - 1 + ahead, 1)).toISOString();
          expect(months).toContain(`jobs_history_${first.slice(0, 7).replace("-", "_")}`);
        }
      });
    }
  },
);

test("what came while no scheduler ran does not stop it from making partitions", async () => {
  await inTime("2031-06-15T10:00:00Z", async (trx) => {
    expect(await addEvent(trx, "2031-06-15T09:00:00Z")).toBe("events_default");
    await sql`
      insert into duly.jobs_history (id, number, type, service, priority, state, payload, send, claim, attempt, max_attempts,
        holds, timeout_ms, cancel_requested, correlation_id, enqueued_at)
      values (duly.first_id_at('2031-06-14T00:00:00Z'), 1, 'a.b', 'a', 'low', 'completed', '{}', 1, 1, 1, 1, 0, 1, false,
        duly.new_id(), duly.now())
    `.execute(trx);
    await make(trx);
    expect(await addEvent(trx, "2031-06-16T09:00:00Z")).toBe("events_2031_06_16");
    expect(await names(trx, "duly.jobs_history")).toContain("jobs_history_2031_07");
    const kept = await sql`
      select from duly.events where id = duly.first_id_at('2031-06-15T09:00:00Z')
      union all select from duly.jobs_history where id = duly.first_id_at('2031-06-14T00:00:00Z')
    `.execute(trx);
    expect(kept.rows).toHaveLength(2);
  });
});

test("events are kept for seven days and then dropped by the day, those without a partition too", async () => {
  await inTime("2031-06-01T00:00:00Z", async (trx) => {
    await make(trx);
    await addEvent(trx, "2031-06-01T10:00:00Z");
    await addEvent(trx, "2031-06-02T10:00:00Z");
    await addEvent(trx, "2031-05-20T10:00:00Z");
    const later = async (days: number) => {
      await sql`select set_config('duly.clock_offset',
        (current_setting('duly.clock_offset')::interval + ${days} * interval '24 hours')::text, true)`.execute(
        trx,
      );
      const dropped = await sql<{ days: number }>`select duly.drop_old_events() as days`.execute(trx);
      const left = await sql<{ day: string }>`
        select to_char(occurred_at at time zone 'UTC', 'MM-DD') as day from duly.events order by 1
      `.execute(trx);
      return { dropped: dropped.rows[0]!.days, left: left.rows.map((row) => row.day) };
    };
    const before = (await names(trx, "duly.events")).filter((name) => name < "events_2031_06_01").length;
    expect((await later(7)).left).toEqual(["06-01", "06-02"]);
    expect(await later(1)).toEqual({ dropped: 1, left: ["06-02"] });
    expect(await later(0)).toEqual({ dropped: 0, left: ["06-02"] });
    expect((await later(1)).left).toEqual([]);
    expect(before).toBeGreaterThan(0);
  });
});
