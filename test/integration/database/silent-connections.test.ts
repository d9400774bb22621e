import { sql } from "kysely";
import { inject, type TestContext, test } from "vitest";
import { type Database, openDatabase } from "#shared/database/database.ts";
import { isDatabaseFault } from "#shared/database/database-fault.ts";
import { listen } from "#shared/database/listen.ts";
import { createLogger } from "#shared/log/logger.ts";
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
