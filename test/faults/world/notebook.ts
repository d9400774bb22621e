import { type QueryExecutorProvider, sql } from "kysely";
import type { JobState } from "#shared/contracts/job-state.ts";
import type { Database } from "#shared/index.ts";
import { unblockLine } from "#shared/jobs/unblock-line.ts";
import { KINDS, type Kind } from "../service/kinds.ts";
import type { JobFate } from "./judge.ts";

/** Makes the laboratory's own tables: what was committed, and what came of it. */
export async function makeNotebook(db: Database): Promise<void> {
  await sql`create schema lab`.execute(db);
  await sql`
    create table lab.committed (
      job uuid primary key,
      round text not null,
      kind text not null,
      failures integer not null,
      hopeless boolean not null
    )`.execute(db);
  await sql`create index committed_by_round on lab.committed (round)`.execute(db);
  await sql`
    create table lab.effects (
      job uuid not null,
      round text not null,
      what text not null,
      place bigint generated always as identity,
      at timestamptz not null default clock_timestamp()
    )`.execute(db);
  await sql`create index effects_by_job on lab.effects (job)`.execute(db);
  await sql`create index effects_by_round on lab.effects (round, what)`.execute(db);
  await sql`create table lab.pace as select 0 as group_ms`.execute(db);
  await sql`
    create table lab.unblocked (
      job uuid not null,
      at timestamptz not null default clock_timestamp()
    )`.execute(db);
  await sql`
    create table lab.cancels (
      job uuid not null,
      round text not null,
      said text not null,
      at timestamptz not null default clock_timestamp()
    )`.execute(db);
  await sql`create index cancels_by_job on lab.cancels (job)`.execute(db);
  await sql`create table lab.mended (job uuid primary key)`.execute(db);
  await sql`
    create view lab.fates as
    select c.round, c.job, c.kind, c.failures, c.hopeless, coalesce(j.state, h.state)::text as state,
      coalesce(j.attempt, h.attempt) as attempts, coalesce(j.max_attempts, h.max_attempts) as most_attempts,
      (select max(l.reason) from duly.dead_letters l where l.job_id = c.job) as letter,
      (select count(*)::int from duly.dead_letters l where l.job_id = c.job) as letters,
      (select count(*)::int from lab.effects e where e.job = c.job and e.what = 'done') as rows,
      (select count(*)::int from lab.effects e where e.job = c.job and e.what = 'heard') as heard,
      exists (select from lab.cancels x where x.job = c.job) as asked,
      exists (select from lab.mended m where m.job = c.job) as mended
    from lab.committed c left join duly.jobs j on j.id = c.job left join duly.jobs_history h on h.id = c.job`.execute(
    db,
  );
}

/** Makes each group of slow jobs take so long from now on. */
export async function setPace(db: Database, groupMs: number): Promise<void> {
  await sql`update lab.pace set group_ms = ${groupMs}`.execute(db);
}

/** What has become of every committed job of a round. */
export async function readFates(db: Database, round: string): Promise<JobFate[]> {
  const result = await sql<JobFate>`select * from lab.fates where round = ${round}`.execute(db);
  return result.rows;
}

/** How many jobs of a round, and of what followed from them, are not at their end. */
export async function countOpen(db: Database, round: string): Promise<number> {
  const result = await sql<{ open: number }>`
    select (
      (select count(*) from lab.committed c left join duly.jobs j on j.id = c.job
        left join duly.jobs_history h on j.id is null and h.id = c.job
        where c.round = ${round}
          and coalesce(j.state, h.state, 'queued') not in ('completed', 'dead_lettered', 'cancelled'))
      + (select count(distinct e.job) from lab.effects e join lab.committed c using (job)
          where e.round = ${round} and e.what = 'done' and c.kind = 'row')
      - (select count(distinct job) from lab.effects where round = ${round} and what = 'heard')
    )::int as open
  `.execute(db);
  return result.rows[0]?.open ?? 0;
}

/** Notes that somebody asked for a job to be cancelled, in the transaction in which it was asked. */
export async function noteCancel(
  trx: QueryExecutorProvider,
  { job, round, said }: { readonly job: string; readonly round: string; readonly said: string },
): Promise<void> {
  await sql`insert into lab.cancels (job, round, said) values (${job}, ${round}, ${said})`.execute(trx);
}

/**
 * Mends what a hopeless job of a round fails of, so that it succeeds from now on.
 *
 * @returns false for any other job.
 */
export async function mend(
  db: Database,
  { job, round, kinds }: { readonly job: string; readonly round: string; readonly kinds: readonly Kind[] },
): Promise<boolean> {
  const found = await sql`
    insert into lab.mended (job) select job from lab.committed
    where job = ${job} and round = ${round} and hopeless and kind = any(${kinds})
    on conflict (job) do update set job = excluded.job returning job`.execute(db);
  return found.rows.length > 0;
}

/** Which of some letters are still open. */
export async function openLettersOf(db: Database, letters: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await sql<{ id: string }>`
    select id from duly.dead_letters where id = any(${letters}::uuid[]) and closed_at is null`.execute(db);
  return new Set(found.rows.map(({ id }) => id));
}

/** How the jobs of a round ended that were to be cancelled, with how many of each. */
export async function readCancelEnds(db: Database, round: string): Promise<{ end: string; jobs: number }[]> {
  const result = await sql<{ end: string; jobs: number }>`
    select coalesce(letter, state) as end, count(*)::int as jobs from lab.fates
    where round = ${round} and asked group by 1 order by 1`.execute(db);
  return result.rows;
}

/** One of a round's jobs in a state, whichever. */
export async function pickJob(db: Database, round: string, state: JobState): Promise<string | undefined> {
  const result = await sql<{ job: string }>`
    select c.job from lab.committed c join duly.jobs j on j.id = c.job
    where c.round = ${round} and j.state = ${state} order by random() limit 1`.execute(db);
  return result.rows[0]?.job;
}

/** Milliseconds from each critical job of a round, due between two times, to its effect; planned failures aside. */
export async function readCriticalWaits(
  db: Database,
  round: string,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): Promise<number[]> {
  const result = await sql<{ ms: number }>`
    with due as (
      select c.job, coalesce(j.run_at, h.run_at, j.enqueued_at, h.enqueued_at) as at
      from lab.committed c left join duly.jobs j on j.id = c.job left join duly.jobs_history h on h.id = c.job
      where c.round = ${round} and c.kind in ('critical', 'urgent') and c.failures = 0 and not c.hopeless)
    select extract(epoch from e.at - due.at)::float8 * 1000 as ms from due join lab.effects e using (job)
    where due.at between to_timestamp(${fromMs / 1000}) and to_timestamp(${toMs / 1000})`.execute(db);
  return result.rows.map(({ ms }) => ms);
}

/** How many effects of a round stand in the table. */
export async function countEffects(db: Database, round: string): Promise<number> {
  const result = await sql<{ effects: number }>`
    select count(*)::int as effects from lab.effects where round = ${round} and what = 'done'`.execute(db);
  return result.rows[0]?.effects ?? 0;
}

/**
 * The ordered jobs of a round whose effect came after that of a job of their key which was due no earlier and enqueued
 * later. Where the clock was set back, the later one of two jobs is due first, and either order is right.
 */
export async function findOvertaken(db: Database, round: string): Promise<string[]> {
  const result = await sql<{ job: string }>`
    with done as materialized (
      select e.job, e.place, coalesce(j.number, h.number) as number, coalesce(j.ordering_key, h.ordering_key) as key,
        coalesce(j.run_at, h.run_at, j.enqueued_at, h.enqueued_at) as due
      from lab.effects e join lab.committed c using (job)
        left join duly.jobs j on j.id = e.job left join duly.jobs_history h on h.id = e.job
      where e.round = ${round} and c.kind in ('ordered', 'line'))
    select job from done late where exists (
      select from done early where early.key = late.key and early.place < late.place and early.number > late.number
        and early.due >= late.due)`.execute(db);
  return result.rows.map(({ job }) => job);
}

/**
 * The jobs of a round that had their effect while a dead letter held their line: before somebody let the line go on, or
 * though nobody did.
 */
export async function findSlipped(db: Database, round: string): Promise<string[]> {
  const result = await sql<{ job: string }>`
    with line as materialized (
      select c.job, coalesce(j.state, h.state) as state, coalesce(j.number, h.number) as number,
        coalesce(j.ordering_key, h.ordering_key) as key,
        coalesce(j.run_at, h.run_at, j.enqueued_at, h.enqueued_at) as due
      from lab.committed c left join duly.jobs j on j.id = c.job left join duly.jobs_history h on h.id = c.job
      where c.round = ${round} and c.kind = 'line')
    select e.job from lab.effects e join line late using (job) where exists (
      select from line letter left join lab.unblocked u on u.job = letter.job
      where letter.key = late.key and letter.state = 'dead_lettered' and letter.number < late.number
        and letter.due <= late.due and (u.at is null or u.at > e.at))`.execute(db);
  return result.rows.map(({ job }) => job);
}

/** Lets one line go on that a dead letter holds, with a note of it. @returns whether there was one. */
export async function unblockOne(db: Database): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const held = await sql<{ key: string }>`
      select active_key as key from duly.jobs
      where state = 'dead_lettered' and active_key is not null and not continues and type = ${KINDS.line.type} limit 1`.execute(
      trx,
    );
    const [line] = held.rows;
    const job = line === undefined ? undefined : await unblockLine(trx, line.key);
    if (job !== undefined) await sql`insert into lab.unblocked (job) values (${job})`.execute(trx);
    return job !== undefined;
  });
}

/** Rows of the outbox, and letters that are open: each has to have its parked copy. */
export async function countRest(db: Database): Promise<{ outbox: number; openLetters: number }> {
  const result = await sql<{ outbox: number; openLetters: number }>`
    select (select count(*)::int from duly.outbox) as outbox,
      (select count(*)::int from duly.dead_letters where closed_at is null) as "openLetters"`.execute(db);
  return result.rows[0] ?? { outbox: 0, openLetters: 0 };
}
