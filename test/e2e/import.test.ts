import { randomUUID } from "node:crypto";
import { createWriteStream, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ExecutePayment } from "#shared/contracts/payments.ts";
import { type Finished, runFile } from "../support/run-file.ts";
import { type ServiceDatabase, serviceDatabase } from "../support/service-database.ts";
import { killAll, runFolder, startProcess } from "../support/service-process.ts";

const HEADER = "reference,payer,recipient,amount,currency,method,scheduled_for,urgent\n";
const RECIPIENT = "0x8f004f3c3B860C8E363e263D275A7F87cff9dE83";
const LINES = 40_000;
const BAD_LINES = new Map([
  [2, 'payer "nobody" is not a known user'],
  [31_337, "amount must be more than 0"],
  [LINES + 1, 'method "cash" is not supported (erc20 and card are)'],
]);
const PEAK_MB = 150;
// The import's own process and not the CLI's that started it.
const TELL_PEAK = `data:text/javascript,
  import { readFileSync } from "node:fs";
  if (process.argv[1].endsWith("import.ts"))
    process.on("exit", () => console.error(readFileSync("/proc/self/status", "utf8").match(/VmHWM:.*/)[0]));
`.replaceAll(/\s+/g, " ");

const folder = join(runFolder, `import-${randomUUID().slice(0, 8)}`);
let database: ServiceDatabase;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  database = await serviceDatabase("payments", [ExecutePayment]);
  env = { DATABASE_URL: database.url };
  const words = "test test test test test test test test test test test junk";
  const seed = { ...env, CHAIN_MNEMONIC: words, TOKEN_ADDRESS: RECIPIENT };
  expect(await runFile("services/payments/commands/seed.ts", [], seed)).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await killAll();
  rmSync(folder, { recursive: true, force: true });
});

test("a file imported twice is skipped and counted; what has changed since is that line's error", async () => {
  const file = join(folder, "twice.csv");
  const line = (number: number, amount = "5.00") =>
    `twice-${number},alice,${RECIPIENT},${amount},DUSD,erc20,+1h,\n`;
  writeFileSync(file, HEADER + line(1) + line(2) + line(3));
  expect(await runImport(file)).toMatchObject({
    code: 0,
    out: expect.stringContaining("3 lines: 3 imported, 0 skipped, 0 with errors") as string,
  });
  expect(await runImport(file)).toMatchObject({
    code: 0,
    out: expect.stringContaining("3 lines: 0 imported, 3 skipped, 0 with errors") as string,
  });
  writeFileSync(file, HEADER + line(1) + line(2, "5.01") + line(3) + line(4));
  expect(await runImport(file)).toMatchObject({
    code: 3,
    out: expect.stringContaining("4 lines: 1 imported, 2 skipped, 1 with errors") as string,
    err: 'line 3: reference "twice-2" is taken by a payment with another amount\n',
  });
  expect(await stored("twice")).toEqual({ payments: 4, jobs: 4, total: "20000000" });
});

test("40,000 lines, killed in the middle and imported again, are in once each, in less than 150 MB", async () => {
  const file = join(folder, "long.csv");
  await writeLongFile(file);
  const first = startProcess({ file: "services/payments/commands/import.ts", args: [file], env });
  await first.says("%, "); // how far it is, each second
  await first.kill();
  const before = await stored("long");
  expect(before.payments).toBeGreaterThan(0);
  expect(before.payments).toBeLessThan(LINES - BAD_LINES.size);
  expect(before.jobs).toBe(before.payments);

  const second = await runImport(file, { NODE_OPTIONS: `--import=${JSON.stringify(TELL_PEAK)}` });
  const imported = LINES - BAD_LINES.size - before.payments;
  expect(second).toMatchObject({
    code: 3,
    out: expect.stringContaining(
      `${LINES} lines: ${imported} imported, ${before.payments} skipped, ${BAD_LINES.size} with errors`,
    ) as string,
  });
  const good = LINES - BAD_LINES.size;
  expect(await stored("long")).toEqual({ payments: good, jobs: good, total: String(good * 5_000_000) });
  const complaints = second.err.split("\n").filter((text) => text.startsWith("line "));
  expect(complaints).toEqual([...BAD_LINES].map(([number, reason]) => `line ${number}: ${reason}`));
  const peakKb = Number(/VmHWM:\s*(\d+) kB/.exec(second.err)?.[1]);
  expect(peakKb).toBeGreaterThan(20 * 1024);
  expect(peakKb).toBeLessThan(PEAK_MB * 1024);
});

function runImport(file: string, more: Readonly<Record<string, string>> = {}): Promise<Finished> {
  return runFile("services/cli/main.ts", ["import", "payments", file], { ...env, ...more });
}

async function writeLongFile(file: string): Promise<void> {
  const out = createWriteStream(file);
  out.write(HEADER);
  for (let number = 2; number <= LINES + 1; number += 1) {
    const payer = number === 2 ? "nobody" : "bob";
    const amount = number === 31_337 ? "0" : "5";
    const method = number === LINES + 1 ? "cash" : "erc20";
    out.write(`long-${number},${payer},${RECIPIENT},${amount},DUSD,${method},2090-01-01T00:00:00Z,\n`);
  }
  out.end();
  await finished(out);
}

/** The payments of a file, the jobs that will make them (each job counted once), and what they are worth together. */
async function stored(file: string) {
  const { rows } = await sql<{ payments: number; jobs: number; total: string | null }>`
    select count(*)::integer as payments, count(distinct j.id)::integer as jobs, sum(p.amount)::text as total
    from payments.payments p left join duly.jobs j on j.id = p.job_id and j.payload->>'paymentId' = p.id::text
    where p.reference like ${`${file}-%`}
  `.execute(database.db);
  return rows[0] ?? { payments: 0, jobs: 0, total: null };
}
