import { randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { sql } from "kysely";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { RecordTransaction, ReportTransactions } from "#shared/contracts/reports.ts";
import { UnreachableError } from "#shared/index.ts";
import { removeDeadParts } from "../../../services/reports/remove-dead-parts.ts";
import { reportTransactions } from "../../../services/reports/report-transactions.ts";
import { streamTransactions } from "../../../services/reports/stream-transactions.ts";
import type { ReportsTables } from "../../../services/reports/tables.ts";
import { runFile } from "../../support/run-file.ts";
import { handlerContext, runHandler } from "../../support/run-handler.ts";
import { serviceDatabase } from "../../support/service-database.ts";

const { db, url, open } = await serviceDatabase("reports", [RecordTransaction, ReportTransactions]);
const own = db.$extendTables<ReportsTables>();
// One connection: a report that does not give it back makes the next one wait for ever.
const reading = open(1);
const folder = mkdtempSync(join(tmpdir(), "duly-reports-"));
afterAll(() => rmSync(folder, { recursive: true }));
const handler = reportTransactions({ reading, folder });

const HEADER =
  "happened_at,reference,payer,recipient,amount,currency,outcome,transaction_hash,reason,payment_id,event_id,card_payment_id";

interface Row {
  readonly event_id: string;
  readonly happened_at: string;
  readonly reference?: string;
  readonly reason?: string;
}

async function insert(rows: readonly Row[]): Promise<void> {
  const base = { payment_id: randomUUID(), reference: "INV-7", payer: "alice", recipient: "0xaa" };
  const outcome = { amount: "12.50", currency: "DUSD", outcome: "failed" as const, transaction_hash: null };
  const values = rows.map((row) => ({ ...base, ...outcome, reason: null, ...row }));
  await own.insertInto("reports.transactions").values(values).execute();
}

/** Fills a day of its own with many transactions, each about a second after the one before. */
async function insertMany(day: string, count: number): Promise<{ from: string; until: string }> {
  await sql`
    insert into reports.transactions
    select gen_random_uuid(), gen_random_uuid(), 'INV-' || n, 'alice', '0xaa', n, 'DUSD', 'completed', '0xabc',
      repeat('because ', 40), ${day}::timestamptz + n * interval '0.1 s'
    from generate_series(1, ${count}) n
  `.execute(db);
  return { from: `${day}T00:00:00Z`, until: `${day}T23:59:59Z` };
}

function day(date: string) {
  return { from: `${date}T00:00:00.000Z`, until: `${date}T23:59:59.000Z` };
}

const records = (path: string) =>
  parse(readFileSync(path), { columns: true }) as unknown as Readonly<Record<string, string>>[];

test("the transactions of a period stand in the file, in their order, with nothing of other times", async () => {
  const ids = [1, 2, 3, 4, 5].map((n) => `00000000-0000-4000-8000-00000000000${n}`);
  const times = ["10:00:00.000", "09:00:00.000", "08:59:59.999", "09:00:00.000", "09:30:00.000"];
  await insert(ids.map((event_id, place) => ({ event_id, happened_at: `2026-01-01T${times[place]}Z` })));
  const jobId = randomUUID();
  const period = { from: "2026-01-01T09:00:00Z", until: "2026-01-01T10:00:00Z" };
  const { result } = await runHandler(db, handler, period, { jobId });

  const path = join(folder, `${jobId}.csv`);
  expect(result).toEqual({ path, rows: 3 });
  expect(readFileSync(path, "utf8").split("\n")[0]).toBe(HEADER);
  expect(records(path).map((row) => row["event_id"])).toEqual([ids[1], ids[3], ids[4]]);
  expect(records(path)[0]).toMatchObject({
    happened_at: "2026-01-01T09:00:00.000Z",
    amount: "12.50",
    reason: "",
  });
  const stored = own.selectFrom("reports.reports").selectAll().where("job_id", "=", jobId);
  expect(await stored.executeTakeFirstOrThrow()).toMatchObject({
    path,
    row_count: "3",
    period_from: new Date(period.from),
    period_until: new Date(period.until),
  });
});

test("a period without transactions makes a file with a header alone", async () => {
  const { receipt } = await runHandler(db, handler, day("2025-01-01"));
  expect(receipt.rows).toBe(0);
  expect(readFileSync(receipt.path, "utf8")).toBe(`${HEADER}\n`);
});

test("text that a spreadsheet would run as a formula is disarmed, all other text stays as it is", async () => {
  const reasons = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "a=b", 'say "yes", or\nno', "Grüße ☎"];
  await insert(
    reasons.map((reason, n) => ({ event_id: randomUUID(), reason, happened_at: `2026-01-02T00:00:0${n}Z` })),
  );
  const { receipt } = await runHandler(db, handler, day("2026-01-02"));
  expect(receipt.rows).toBe(reasons.length);
  expect(records(receipt.path).map((row) => row["reason"])).toEqual([
    ...reasons.slice(0, 6).map((reason) => `'${reason}`),
    ...reasons.slice(6),
  ]);
});

test("a finished file answers for its job, its rows counted; without one there was no effect", async () => {
  await insert([{ event_id: randomUUID(), reason: "two\nlines", happened_at: "2026-01-03T00:00:00Z" }]);
  const jobId = randomUUID();
  const context = handlerContext(db, handler, day("2026-01-03"), { jobId });
  expect(await handler.ask?.(context)).toEqual({ effect: "none" });
  const { receipt } = await runHandler(db, handler, day("2026-01-03"), { jobId });
  expect(await handler.ask?.(context)).toEqual({ effect: "applied", receipt });
  expect(receipt.rows).toBe(1);
});

test("a half-written file of a crashed run is no answer", async () => {
  const jobId = randomUUID();
  writeFileSync(join(folder, `${jobId}.csv.${randomUUID()}.part`), HEADER);
  const context = handlerContext(db, handler, day("2026-01-03"), { jobId });
  expect(await handler.ask?.(context)).toEqual({ effect: "none" });
});

test("unfinished files go once nobody has written to them for an hour, finished ones stay", async () => {
  const place = mkdtempSync(join(tmpdir(), "duly-reports-"));
  onTestFinished(() => rmSync(place, { recursive: true }));
  for (const name of ["old.csv", "old.csv.1.part", "new.csv.2.part"]) writeFileSync(join(place, name), "");
  const twoHoursAgo = Date.now() / 1_000 - 7_200;
  for (const name of ["old.csv", "old.csv.1.part"]) utimesSync(join(place, name), twoHoursAgo, twoHoursAgo);
  expect(await removeDeadParts(place, Date.now())).toBe(1);
  expect(readdirSync(place).toSorted()).toEqual(["new.csv.2.part", "old.csv"]);
});

test("a job run twice, even at once, ends in one whole file and one report", async () => {
  const period = await insertMany("2026-02-01", 3_000);
  const jobId = randomUUID();
  const twin = reportTransactions({ reading: open(2), folder });
  const runs = [twin, twin].map((one) => runHandler(db, one, period, { jobId }));
  for (const { receipt } of await Promise.all(runs)) expect(receipt.rows).toBe(3_000);
  expect(records(join(folder, `${jobId}.csv`))).toHaveLength(3_000);
  expect(readdirSync(folder).filter((name) => name.startsWith(jobId))).toEqual([`${jobId}.csv`]);
  const stored = own.selectFrom("reports.reports").select("job_id").where("job_id", "=", jobId);
  expect(await stored.execute()).toHaveLength(1);
});

test("progress tells the rows so far, and no file shows before it is whole", async () => {
  const period = await insertMany("2026-02-02", 2_500);
  const jobId = randomUUID();
  const told: unknown[] = [];
  const finishedEarly: boolean[] = [];
  await handler.perform?.(
    handlerContext(db, handler, period, {
      jobId,
      progress: (value) => {
        told.push(value);
        finishedEarly.push(readdirSync(folder).includes(`${jobId}.csv`));
      },
    }),
  );
  expect(told).toEqual([{ rows: 1_000 }, { rows: 2_000 }, { rows: 2_500 }]);
  expect(finishedEarly).toEqual([false, false, true]);
});

test("a cancelled report ends, leaves no file and gives its connection back", async () => {
  const period = await insertMany("2026-02-03", 5_000);
  const jobId = randomUUID();
  const stop = new AbortController();
  const running = runHandler(db, handler, period, {
    jobId,
    signal: stop.signal,
    progress: () => stop.abort(new Error("cancelled by the test")),
  });
  await expect(running).rejects.toThrow(/abort|cancelled/i);
  expect(readdirSync(folder).filter((name) => name.startsWith(jobId))).toEqual([]);
  await expect(runHandler(db, handler, day("2025-01-01"))).resolves.toMatchObject({ receipt: { rows: 0 } });
});

test("a report whose folder is gone fails and gives its connection back", async () => {
  const homeless = reportTransactions({ reading, folder: join(folder, "gone") });
  await expect(runHandler(db, homeless, day("2025-01-01"))).rejects.toMatchObject({ code: "ENOENT" });
  await expect(runHandler(db, handler, day("2025-01-01"))).resolves.toMatchObject({ receipt: { rows: 0 } });
});

test("a report whose database connection breaks is held, for PostgreSQL is not its fault", async () => {
  const period = await insertMany("2026-02-05", 5_000);
  const jobId = randomUUID();
  const killing: Promise<unknown>[] = [];
  const kill = sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and query like 'fetch%' and pid <> pg_backend_pid()`;
  const progress = () => void killing.push(kill.execute(db));
  await expect(runHandler(db, handler, period, { jobId, progress })).rejects.toBeInstanceOf(UnreachableError);
  await Promise.all(killing);
  expect(readdirSync(folder).filter((name) => name.startsWith(jobId))).toEqual([]);
  await expect(runHandler(db, handler, day("2025-01-01"))).resolves.toMatchObject({ receipt: { rows: 0 } });
});

test("all rows are of one snapshot: what is recorded while the report runs is not in it", async () => {
  const period = await insertMany("2026-02-04", 2_000);
  let rows = 0;
  for await (const _ of streamTransactions(reading, period)) {
    if (++rows === 1) await insertMany("2026-02-04", 2_000);
  }
  expect(rows).toBe(2_000);
});

test("a report of 70,000 rows is written in a process that could not hold them", async () => {
  const period = await insertMany("2026-03-01", 70_000);
  onTestFinished(async () => {
    await sql`truncate reports.transactions`.execute(db);
  });
  const path = join(folder, "large.csv");
  const heap = ["--max-old-space-size=24", "--max-semi-space-size=2"];
  const finished = await runFile(
    "test/integration/reports/write-report.ts",
    [url, path, period.from, period.until],
    {},
    heap,
  );
  expect(finished).toMatchObject({ code: 0, out: "70000\n" });
  expect(readFileSync(path).length).toBeGreaterThan(26_000_000);
});
