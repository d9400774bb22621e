import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { Database } from "#shared/database/database.ts";
import type { Priority } from "#shared/index.ts";
import { packReceipt } from "#shared/jobs/receipt.ts";
import type { IntentOutcome } from "#shared/jobs/take-job.ts";
import type { Holder, Intent, OutboxRow, Rows } from "../../model/world.ts";

/** The two processes of the model, as PostgreSQL names them; neither shows any sign of life. */
export const HOLDERS: Readonly<Record<Holder, string>> = {
  A: "00000000-0000-4000-8000-00000000000a",
  B: "00000000-0000-4000-8000-00000000000b",
  gone: "00000000-0000-4000-8000-00000000000d",
};

/** The gate of the model, as PostgreSQL names it. */
export const GATE = "pause: queue moves.high";

/** What a job of the model is beside its rows. */
export interface Kind {
  readonly type: string;
  readonly service: string;
  readonly priority: Priority;
  readonly maxAttempts: number;
}

/** Writes a job into each of the states, and gives their ids. Their outbox stays empty: no move reads it. */
export async function writeRows(db: Database, states: readonly Rows[], kind: Kind): Promise<string[]> {
  const jobs = states.map((rows) => ({
    ...rows,
    id: randomUUID(),
    holder: rows.holder === undefined ? null : HOLDERS[rows.holder],
  }));
  await sql`
    with given as materialized (
      select * from jsonb_to_recordset(${JSON.stringify(jobs)}::jsonb) as g(id uuid, state duly.job_state, send integer,
        claim integer, attempt integer, holder uuid, wake boolean, "atGate" boolean, keyed boolean,
        "cancelRequested" boolean, expiry text, expired boolean, letter text, intents jsonb)
    ), job as (
      insert into duly.jobs (id, type, service, priority, state, payload, send, claim, attempt, max_attempts, holder,
        claimed_at, wake_at, waits_for, ordering_key, expires_at, cancel_requested, timeout_ms, correlation_id, enqueued_at)
      select id, ${kind.type}, ${kind.service}, ${kind.priority}, state, '{}', send, claim, attempt, ${kind.maxAttempts},
        holder, case when state = 'running' then duly.now() - interval '1 h' end,
        case when wake then duly.now() - interval '1 h' end,
        case when "atGate" then ${GATE}::text end, case when keyed then id::text end,
        case when expired then duly.now() - interval '1 h' when expiry = 'ahead' then duly.now() + interval '1 h' end,
        "cancelRequested", 60000, id, duly.now()
      from given
      returning id, expires_at
    ), expiring as (
      insert into duly.expiries (expires_at, job_id)
      select job.expires_at, id from job join given using (id) where expiry <> 'none'
    ), intents as (
      insert into duly.intents (job_id, number, outcome, made_at, receipt)
      select id, i.number, (i.intent ->> 'outcome')::duly.intent_outcome, duly.now(),
        case when (i.intent ->> 'receipt')::boolean then ${packReceipt("kept") ?? null}::bytea end
      from given, jsonb_array_elements(intents) with ordinality as i(intent, number)
    )
    insert into duly.dead_letters (id, job_id, service, type, reason, created_at, closed_at)
    select duly.new_id(), id, ${kind.service}, ${kind.type}, 'permanent_error', duly.now(),
      case when letter = 'closed' then duly.now() end
    from given where letter <> 'none'
  `.execute(db);
  return jobs.map(({ id }) => id);
}

interface Read {
  id: string;
  state: Rows["state"];
  send: number;
  claim: number;
  attempt: number;
  holder: string | null;
  wake: boolean;
  atGate: boolean;
  keyed: boolean;
  cancelRequested: boolean;
  expiry: Rows["expiry"];
  expired: boolean;
  letter: Rows["letter"];
  intents: { outcome: IntentOutcome; receipt: boolean }[] | null;
  outbox: { send: number; wait: boolean }[] | null;
}

/** Reads jobs as the model sees them. */
export async function readRows(db: Database, ids: readonly string[]): Promise<Map<string, Rows>> {
  const result = await sql<Read>`
    select j.id, j.state, j.send, j.claim, j.attempt, j.holder, j.wake_at is not null as wake,
      j.waits_for is not distinct from ${GATE}::text as "atGate", j.ordering_key is not null as keyed,
      j.cancel_requested as "cancelRequested", coalesce(j.expires_at <= duly.now(), false) as expired,
      case when e.job_id is null then 'none' when j.expires_at <= duly.now() then 'due' else 'ahead' end as expiry,
      case when l.open then 'open' when l.open is null then 'none' else 'closed' end as letter,
      (select json_agg(json_build_object('outcome', i.outcome, 'receipt', i.receipt is not null) order by i.number)
        from duly.intents i where i.job_id = j.id) as intents,
      (select json_agg(json_build_object('send', o.send, 'wait', o.delay_ms is not null) order by o.id)
        from duly.outbox o where o.ref = j.id) as outbox
    from duly.jobs j left join duly.expiries e on e.job_id = j.id
      left join lateral (select bool_or(d.closed_at is null) as open from duly.dead_letters d where d.job_id = j.id) l on true
    where j.id = any (${ids}::uuid[])
  `.execute(db);
  return new Map(result.rows.map(({ id, ...read }) => [id, asRows(read)]));
}

function asRows(read: Omit<Read, "id">): Rows {
  const intents: Intent[] = read.intents ?? [];
  const outbox: OutboxRow[] = (read.outbox ?? []).map((row) => ({ ...row, published: false }));
  return { ...read, holder: nameOf(read.holder), intents, outbox };
}

function nameOf(holder: string | null): Holder | undefined {
  if (holder === null) return undefined;
  const known = (["A", "B", "gone"] as const).find((name) => HOLDERS[name] === holder);
  if (known === undefined) throw new RangeError(`${holder} is none of the model's processes`);
  return known;
}
