import { sql } from "kysely";
import pg from "pg";
import { inject, type TestContext, test } from "vitest";
import { type Database, openDatabase } from "#shared/database/database.ts";
import { isDatabaseFault } from "#shared/database/database-fault.ts";
import { endWhenSilent } from "#shared/database/end-silent.ts";
import { listen } from "#shared/database/listen.ts";
import { createLogger } from "#shared/log/logger.ts";
import { eventually } from "../../support/eventually.ts";
import { layWire, type TcpProxy } from "../../support/tcp-proxy.ts";

const log = createLogger("test", process.env["DULY_TEST_LOG"] ?? "silent");
/** PostgreSQL behind a wire of this test's own, and a pool of one connection through it. */
async function connect(
  onTestFinished: TestContext["onTestFinished"],
): Promise<{ wire: TcpProxy; db: Database }> {
  const wire = await layWire(inject("databaseUrl"));
  const db = openDatabase({ url: wire.url, name: "duly test", connections: 1, log });
  onTestFinished(async () => {
    await db.destroy();
    await wire.close();
  });
  return { wire, db };
}

// Side by side, for each waits for seconds.
test.concurrent("a query that the network swallowed fails within seconds, and the next one finds another connection", async ({
  expect,
  onTestFinished,
}) => {
  const { wire, db } = await connect(onTestFinished);
  await sql`select 1`.execute(db);
  wire.swallow();
  const lost: unknown = await sql`select 2`.execute(db).catch((error: unknown) => error);
  expect(lost).toBeInstanceOf(Error);
  expect(isDatabaseFault(lost)).toBe(true);
  expect((await sql`select 3 as n`.execute(db)).rows).toEqual([{ n: 3 }]);
}, 15_000);

test.concurrent("a query that the server is at work on is left alone, though nothing is heard of it", async ({
  expect,
  onTestFinished,
}) => {
  const { db } = await connect(onTestFinished);
  const slept = await sql`select pg_backend_pid() as pid, pg_sleep(7)`.execute(db);
  expect(slept.rows).toHaveLength(1);
  const after = await sql`select pg_backend_pid() as pid`.execute(db);
  expect((after.rows[0] as { pid: number }).pid).toBe((slept.rows[0] as { pid: number }).pid);
}, 15_000);

test.concurrent("a listener that the network no longer reaches listens anew", async ({
  expect,
  onTestFinished,
}) => {
  const { wire } = await connect(onTestFinished);
  const end = new AbortController();
  const again = Promise.withResolvers<void>();
  let connects = 0;
  const listening = listen({
    url: wire.url,
    name: "duly test listen",
    channels: ["duly_test"],
    log,
    signal: end.signal,
    onNotify: (channel) => {
      if (channel !== undefined) return;
      connects += 1;
      if (connects === 1) wire.swallow();
      else again.resolve();
    },
  });
  await again.promise;
  end.abort();
  await listening;
  expect(connects).toBe(2);
}, 25_000);

test.concurrent("a query that is answered while the server is asked about it keeps its connection", async ({
  expect,
  onTestFinished,
}) => {
  const url = inject("databaseUrl");
  const questions = await layWire(url);
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  onTestFinished(async () => {
    await pool.end();
    await questions.close();
  });
  const client = await pool.connect();
  endWhenSilent(client, questions.url, log);
  questions.silence(true); // the answer comes late
  await client.query("select pg_sleep(5.5)");
  expect(questions.taken()).toBe(1);
  questions.silence(false);
  await eventually("the question to be over", async () => {
    const asking = await client.query(
      "select from pg_stat_activity where application_name = 'duly question'",
    );
    return asking.rowCount === 0;
  });
  expect((await client.query<{ n: number }>("select 1 as n")).rows).toEqual([{ n: 1 }]);
  client.release();
}, 20_000);
