import { type QueryExecutorProvider, sql } from "kysely";
import type { JobState } from "../contracts/job-state.ts";
import type { Priority } from "../contracts/priority.ts";

/** All that the database knows of one job, for people; instants as ISO text. */
export interface JobStory {
  readonly id: string;
  readonly type: string;
  readonly service: string;
  readonly priority: Priority;
  readonly state: JobState;
  readonly payload: unknown;
  readonly send: number;
  readonly claim: number;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly holds: number;
  readonly run_at: string | null;
  readonly wake_at: string | null;
  readonly retry_at: string | null;
  readonly waits_for: string | null;
  readonly unique_key: string | null;
  readonly ordering_key: string | null;
  readonly expires_at: string | null;
  readonly cancel_requested: boolean;
  readonly correlation_id: string;
  readonly causation_id: string | null;
  readonly progress: unknown;
  readonly result: unknown;
  readonly last_error: { readonly name: string; readonly message: string } | null;
  readonly enqueued_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  /** The database's clock. */
  readonly now: string;
  readonly place: "jobs" | "history";
  readonly intents: readonly {
    readonly number: number;
    readonly outcome: string;
    readonly made_at: string;
  }[];
  readonly letters: readonly {
    readonly id: string;
    readonly reason: string;
    readonly created_at: string;
    readonly closed_at: string | null;
  }[];
  /** Its sends that the relay has still to publish. */
  readonly outbox: readonly {
    readonly send: number;
    readonly returns: number;
    readonly not_before: string | null;
  }[];
  /** Who runs it. */
  readonly holder: { readonly host: string; readonly pid: number; readonly seen_at: string } | null;
  /** The job of its ordering key whose turn it is. */
  readonly active: { readonly id: string; readonly state: JobState } | null;
  /** How many jobs of its ordering key go before it, the active one not counted. */
  readonly ahead: number;
}

/** Reads one job, at work or finished, with all that belongs to it; undefined where there is none. */
export async function readJobStory(db: QueryExecutorProvider, id: string): Promise<JobStory | undefined> {
  const found = await sql<{ story: JobStory }>`
    with job as (
      select 'jobs' as place, j.* from duly.jobs j where j.id = ${id}::uuid
      union all
      select 'history', h.* from duly.jobs_history h where h.id = ${id}::uuid
      limit 1
    )
    select to_jsonb(job) || jsonb_build_object(
      'now', duly.now(),
      'intents', (select coalesce(jsonb_agg(jsonb_build_object('number', i.number, 'outcome', i.outcome, 'made_at',
        i.made_at) order by i.number), '[]') from duly.intents i where i.job_id = job.id),
      'letters', (select coalesce(jsonb_agg(jsonb_build_object('id', l.id, 'reason', l.reason, 'created_at',
        l.created_at, 'closed_at', l.closed_at) order by l.id), '[]') from duly.dead_letters l where l.job_id = job.id),
      'outbox', (select coalesce(jsonb_agg(jsonb_build_object('send', o.send, 'returns', o.returns, 'not_before',
        o.not_before) order by o.id), '[]') from duly.outbox o where o.ref = job.id),
      'holder', (select jsonb_build_object('host', c.host, 'pid', c.pid, 'seen_at', c.seen_at)
        from duly.consumers c where c.instance = job.holder),
      'active', (select jsonb_build_object('id', a.id, 'state', a.state)
        from duly.jobs a where a.active_key = job.ordering_key and a.id <> job.id),
      'ahead', (select count(*) from duly.jobs a where a.ordering_key = job.ordering_key and a.line_at is not null
        and (a.line_at, a.number) < (job.line_at, job.number))
    ) as story
    from job
  `.execute(db);
  return found.rows[0]?.story;
}
