import { once } from "node:events";
import { createServer } from "node:net";
import pg from "pg";
import { expect, test } from "vitest";
import { isDatabaseFault } from "#shared/database/database-fault.ts";

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function failureOf(config: pg.PoolConfig): Promise<unknown> {
  const pool = new pg.Pool({ user: "nobody", database: "none", ...config });
  try {
    return await pool.query("select 1");
  } catch (error) {
    return error;
  } finally {
    await pool.end();
  }
}

test("a PostgreSQL that refuses connections is its own trouble", async () => {
  expect(isDatabaseFault(await failureOf({ host: "127.0.0.1", port: await closedPort() }))).toBe(true);
});

test("so is one whose name stands for several addresses that all refuse", async () => {
  const port = await closedPort();
  const refusals = ["::1", "127.0.0.1"].map((address) =>
    Object.assign(new Error(`connect ECONNREFUSED ${address}:${port}`), {
      code: "ECONNREFUSED",
      address,
      port,
    }),
  );
  // As node:net makes it for "localhost" (autoSelectFamily) and pg-pool hands it on, with a stack of its own.
  const aggregate = Object.assign(new AggregateError(refusals, "all refused"), { code: "ECONNREFUSED" });
  aggregate.stack = "AggregateError\n    at /app/node_modules/pg-pool/index.js:45:11";
  expect(isDatabaseFault(aggregate)).toBe(true);
});

test("a provider's refused connection is not, though its error looks the same", () => {
  const error = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" });
  expect(isDatabaseFault(error)).toBe(false);
  expect(
    isDatabaseFault(Object.assign(new AggregateError([error], "all refused"), { code: "ECONNREFUSED" })),
  ).toBe(false);
});

test.each(["57P01", "57P03", "08006", "53300", "40001", "40P01", "55P03"])(
  "SQLSTATE %s is a fault",
  (code) => {
    expect(isDatabaseFault(Object.assign(new Error("from the server"), { code, severity: "ERROR" }))).toBe(
      true,
    );
  },
);

test.each(["23505", "25P02", "22P05", "42P01", "P0001", "57014"])("SQLSTATE %s is an answer", (code) => {
  expect(isDatabaseFault(Object.assign(new Error("from the server"), { code, severity: "ERROR" }))).toBe(
    false,
  );
});

test("what is thrown need not be an error", () => {
  for (const thrown of [undefined, null, "Connection terminated", { code: "40001" }]) {
    expect(isDatabaseFault(thrown)).toBe(false);
  }
});
