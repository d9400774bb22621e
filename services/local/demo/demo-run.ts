import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { sql } from "kysely";
import { type Database, openDatabase } from "#shared/database/database.ts";
import { createLogger } from "#shared/log/logger.ts";
import { newestBlock } from "../outside/chain/read-transfers.ts";
import type { Stack } from "../stack/stack.ts";

/** One run of the demo: what tells its jobs and effects from all others. */
export interface DemoRun {
  readonly stack: Stack;
  /** Carried by every job of the run, follow-ups included. */
  readonly correlationId: string;
  /** Begins every reference and mail address of the run. */
  readonly label: string;
  /** When it began, by the database's clock. */
  readonly began: Date;
  /** The newest block when it began. */
  readonly block: bigint;
  /** Milliseconds since it began. */
  readonly elapsedMs: () => number;
  /** Milliseconds that it may take. */
  readonly deadlineMs: number;
  readonly db: Database;
  /** Where its input is written. */
  readonly folder: string;
  /** Writes one line for the person at the terminal. */
  readonly out: (line: string) => void;
  /** Aborted when the stack is asked to stop. */
  readonly signal: AbortSignal;
}

/** How a demo is run. */
export interface DemoOptions {
  readonly out: (line: string) => void;
  readonly signal?: AbortSignal;
  /** @default 90_000 */
  readonly deadlineMs?: number;
}

/** Begins a run that nothing was done for before. Close its `db` afterwards. */
export async function beginRun(stack: Stack, options: DemoOptions): Promise<DemoRun> {
  const startedAt = performance.now();
  const correlationId = randomUUID();
  const folder = join(dirname(stack.logsDir), "demo");
  mkdirSync(folder, { recursive: true });
  const log = createLogger("demo", "silent");
  const db = openDatabase({ url: stack.databaseUrl, name: "duly demo", connections: 2, log });
  const [began, block] = await Promise.all([databaseTime(db), newestBlock(stack)]);
  return {
    stack,
    correlationId,
    label: correlationId.slice(0, 8),
    began,
    block,
    elapsedMs: () => performance.now() - startedAt,
    deadlineMs: options.deadlineMs ?? 90_000,
    db,
    folder,
    out: options.out,
    signal: options.signal ?? new AbortController().signal,
  };
}

/** What the database's clock says, a millisecond or less ago. */
export async function databaseTime(db: Database): Promise<Date> {
  const { rows } = await sql<{
    now: Date;
  }>`select date_trunc('milliseconds', clock_timestamp()) as now`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error("PostgreSQL did not tell the time");
  return row.now;
}
