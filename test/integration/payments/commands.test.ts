import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { ChargeCard, ExecutePayment } from "#shared/contracts/payments.ts";
import { REFUSED_RECIPIENT } from "../../../services/local/outside/chain/ensure-token.ts";
import { Wallet } from "../../../services/payments/chain/wallet.ts";
import type { PaymentsTables } from "../../../services/payments/tables.ts";
import { root } from "../../support/repository.ts";
import { runFile } from "../../support/run-file.ts";
import { serviceDatabase } from "../../support/service-database.ts";

const { db, url } = await serviceDatabase("payments", [ExecutePayment, ChargeCard]);
const own = db.$extendTables<PaymentsTables>();
const folder = await mkdtemp(join(tmpdir(), "duly import "));
afterAll(() => rm(folder, { recursive: true }));

const mnemonic = "test test test test test test test test test test test junk";
const settings = {
  DATABASE_URL: url,
  CHAIN_MNEMONIC: mnemonic,
  TOKEN_ADDRESS: REFUSED_RECIPIENT.toLowerCase(),
};
const seed = () => runFile("services/payments/commands/seed.ts", [], settings);
const importFile = (...args: string[]) => runFile("services/payments/commands/import.ts", args, settings);

const HEADER = "reference,payer,recipient,amount,currency,method,scheduled_for,urgent\n";
const linesOf = (count: number, prefix = "r") =>
  Array.from(
    { length: count },
    (_, n) => `${prefix}-${n},alice,${REFUSED_RECIPIENT},5,DUSD,erc20,+1h,\n`,
  ).join("");

async function count(): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from payments.payments p join duly.jobs j on j.id = p.job_id
  `.execute(db);
  return rows[0]?.count ?? 0;
}

beforeEach(async () => {
  // The books, which refer to payments, may not be truncated with them.
  await sql`delete from payments.payments`.execute(db);
  await sql`truncate duly.jobs, duly.outbox cascade`.execute(db);
});
beforeAll(() => seed());

const children: ChildProcess[] = [];
afterEach(() => {
  for (const { exitCode, signalCode, pid } of children.splice(0)) {
    if (exitCode === null && signalCode === null && pid !== undefined) process.kill(-pid, "SIGKILL");
  }
});

test("seed writes the example's payers with their addresses, and twice the same", async () => {
  const first = await own.selectFrom("payments.users").selectAll().orderBy("wallet_index").execute();
  expect(await seed()).toMatchObject({
    code: 0,
    err: "",
    out: expect.stringContaining("20 payers") as string,
  });
  expect(await own.selectFrom("payments.users").selectAll().orderBy("wallet_index").execute()).toEqual(first);
  expect(first).toHaveLength(20);
  expect(first[0]).toMatchObject({ id: "alice", address: new Wallet(mnemonic).addressOf(1) });
  const tokens = await own.selectFrom("payments.tokens").selectAll().execute();
  expect(tokens).toEqual([{ symbol: "DUSD", address: REFUSED_RECIPIENT, decimals: 6, usd_rate: "1" }]);
});

/** What was said of lines; an import that takes longer than a second shows its progress between them. */
function badLines(err: string): string[] {
  return err.split("\n").filter((line) => /^line \d+: [a-z].+/.test(line));
}

test("the example's good lines are imported, its bad ones told by number, and a second run adds nothing", async () => {
  const file = join(root, "examples", "payments.csv");
  const first = await importFile(file);
  expect(first.code).toBe(3);
  expect(first.out).toMatch(/^201 lines: 189 imported, 0 skipped, 12 with errors, in [\d.]+ s\n$/);
  expect(badLines(first.err)).toHaveLength(12);
  expect(await count()).toBe(189);

  const second = await importFile(file);
  expect(second.code).toBe(3);
  expect(badLines(second.err)).toEqual(badLines(first.err));
  expect(second.out).toMatch(/^201 lines: 0 imported, 189 skipped, 12 with errors/);
  expect(await count()).toBe(189);
});

test("the example has work of every priority, now and later, and one recipient that the token refuses", async () => {
  await importFile(join(root, "examples", "payments.csv"));
  const { rows } = await sql<{ priorities: number; later: number; refused: number }>`
    select count(distinct priority)::int as priorities, count(run_at)::int as later,
      count(*) filter (where recipient = ${REFUSED_RECIPIENT})::int as refused
    from payments.payments join duly.jobs job on job.id = job_id
  `.execute(db);
  expect(rows).toMatchObject([{ priorities: 3, refused: 1 }]);
  expect(rows[0]?.later).toBeGreaterThan(100);
});

test("a file of good lines ends with 0, and its jobs carry the correlation id", async () => {
  const file = join(folder, "good.csv");
  const correlation = "3f0c1b1e-8d7e-4c7e-9a53-0d3f5b1f7a11";
  await writeFile(file, `\uFEFF${HEADER}${linesOf(7)}`.replaceAll("\n", "\r\n"));
  expect(await importFile(file, "--batch", "3", "--correlation", correlation)).toMatchObject({
    code: 0,
    err: "",
  });
  const { rows } = await sql`select from duly.jobs where correlation_id = ${correlation}`.execute(db);
  expect(rows).toHaveLength(7);
});

test.each([
  [[], 2, /missing required argument 'file'/],
  [["x.csv", "--batch", "0"], 2, /It must be 1 to 2000/],
  [["x.csv", "--correlation", "7"], 2, /It must be a UUID/],
  [["no such file.csv"], 1, /there is no file no such file\.csv/],
  [[tmpdir()], 1, /is a folder; give a CSV file/],
  [[join(root, "package.json")], 1, /the first line must name the columns/],
])("import %j ends with %d and a clear sentence", async (args, code, sentence) => {
  const finished = await importFile(...args);
  expect(finished.code).toBe(code);
  expect(finished.err).toMatch(sentence);
  expect(finished.err).not.toMatch(/ {4}at /);
});

const MAKE_PIPE = "mkfifo";

/** An import of a pipe: it gets only what the test writes, and is in the middle for as long as the test wants. */
function importOfPipe(...program: string[]) {
  const pipe = join(folder, `${randomUUID()}.csv`);
  execFileSync(MAKE_PIPE, [pipe]);
  const child = spawn(process.execPath, [...program, pipe, "--batch", "100"], {
    cwd: root,
    env: { PATH: process.env["PATH"] ?? "", ...settings },
    stdio: ["ignore", "pipe", "ignore"],
    // A process group of its own, so that nothing of it outlives a test that fails.
    detached: true,
  });
  children.push(child);
  const writer = createWriteStream(pipe);
  // The reader ends first.
  writer.on("error", () => writer.destroy());
  const write = (lines: string, last = false) => void (last ? writer.end(lines) : writer.write(lines));
  return { child, write, out: text(child.stdout) };
}

test("a signal to the dispatcher stops it behind a batch and says how to go on; going on imports the rest once", async () => {
  const { child, write, out } = importOfPipe("services/cli/main.ts", "import", "payments");
  write(HEADER + linesOf(350));
  await vi.waitUntil(async () => (await count()) >= 200, { timeout: 20_000, interval: 20 });
  child.kill("SIGINT");
  write(linesOf(350, "s"), true);
  const [code] = (await once(child, "exit")) as [number | null];
  expect(code).toBe(130);
  expect(await out).toMatch(/stopped after line \d00\. Run the same command again/);
  const stopped = await count();
  expect(stopped % 100).toBe(99);

  const file = join(folder, "rest.csv");
  await writeFile(file, HEADER + linesOf(350) + linesOf(350, "s"));
  const rest = await importFile(file);
  expect(rest.out).toContain(`700 lines: ${700 - stopped} imported, ${stopped} skipped, 0 with errors`);
  expect(await count()).toBe(700);
});

test("killed in the middle and run again, it has imported every line once", async () => {
  const { child, write } = importOfPipe("services/payments/commands/import.ts");
  write(HEADER + linesOf(1_000));
  await vi.waitUntil(async () => (await count()) >= 200, { timeout: 20_000, interval: 5 });
  child.kill("SIGKILL");
  await once(child, "exit");
  const file = join(folder, "all.csv");
  await writeFile(file, HEADER + linesOf(1_000));
  expect(await importFile(file)).toMatchObject({ code: 0 });
  expect(await count()).toBe(1_000);
  const { rows } = await sql`select from payments.payments`.execute(db);
  expect(rows).toHaveLength(1_000);
  expect((await sql`select from duly.jobs`.execute(db)).rows).toHaveLength(1_000);
});

test("the example's people have what both their services need", async () => {
  const people = JSON.parse(await readFile(join(root, "examples", "users.json"), "utf8")) as Record<
    string,
    unknown
  >[];
  for (const person of people) {
    expect(Object.keys(person)).toEqual(["id", "name", "email", "phone", "walletIndex"]);
  }
  expect(new Set(people.map(({ walletIndex }) => walletIndex)).size).toBe(people.length);
});
