import { type QueryExecutorProvider, sql } from "kysely";
import { noteRepair } from "./repairs.ts";

const BEGAN = "harmful policies";
const ENDED = "made good";
/** Policies are looked at each minute: what one took just before it was seen counts as its doing. */
const UNSEEN = sql`interval '2 minutes'`;

/** What went out again. */
export interface MadeGood {
  /** Open letters of which a further copy was queued. */
  readonly letters: number;
  /** Since when events are told again. */
  readonly eventsSince: Date;
}

/** Policies by which messages vanish. */
export interface Harmful {
  /** Which, in words: another text is another harm. */
  readonly policies: string;
  /** Some of the queues, for people. */
  readonly queues: string;
  /** Whether they may have taken what was sent long before them, too. */
  readonly all: boolean;
}

/** Writes down that policies of RabbitMQ let messages vanish, each change of them once, until it is made good. */
export async function noteHarm(
  trx: QueryExecutorProvider,
  { policies, queues, all }: Harmful,
): Promise<void> {
  await lockHarms(trx);
  const noted = await openHarm(trx);
  if (noted?.policies === policies) return;
  await noteRepair(trx, BEGAN, 0, { policies, queues, "took what was there": all });
}

/**
 * Sends again what such policies may have taken, now that they are gone, and of which nobody else would notice: parked
 * copies of open letters, and events. Whoever has one of them already makes nothing twice of it.
 *
 * @returns undefined when no harm is noted.
 */
export async function makeGood(trx: QueryExecutorProvider): Promise<MadeGood | undefined> {
  await lockHarms(trx);
  const harm = await openHarm(trx);
  if (harm === undefined) return undefined;
  const copies = await sql<{ letters: number }>`
    with counted as (
      update duly.dead_letters set copy = copy + 1 where closed_at is null returning id
    ), outgoing as (
      insert into duly.outbox (lane, ref, send) select 'letter', id, 1 from counted order by id
    )
    select count(*)::int as letters, duly.wake_relay('{letter}') from counted
  `.execute(trx);
  await sql`
    insert into duly.event_resends (above, until, reason, asked_at)
    values (duly.first_id_at(${harm.since}), duly.first_id_at(clock_timestamp() + interval '1 s'), ${BEGAN}, duly.now())
  `.execute(trx);
  const letters = copies.rows[0]?.letters ?? 0;
  await noteRepair(trx, ENDED, 0, { letters, "events since": harm.since.toISOString() });
  return { letters, eventsSince: harm.since };
}

/** What is noted and not made good. */
interface OpenHarm {
  /** Of the last note. */
  readonly policies: string;
  /** From when on it may have taken something. */
  readonly since: Date;
}

// Relays look side by side: one of them notes it, and one makes it good.
async function lockHarms(trx: QueryExecutorProvider): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('duly.harmful_policies'))`.execute(trx);
}

// The log of events goes back by 7 days.
async function openHarm(trx: QueryExecutorProvider): Promise<OpenHarm | undefined> {
  const found = await sql<OpenHarm>`
    select (array_agg(detail ->> 'policies' order by id desc))[1] as policies,
      case when bool_or((detail ->> 'took what was there')::boolean) then duly.now() - interval '7 days'
        else min(made_at) - ${UNSEEN} end as since
    from duly.repairs where kind = ${BEGAN}
      and id > coalesce((select max(id) from duly.repairs where kind = ${ENDED}), 0)
    having count(*) > 0
  `.execute(trx);
  return found.rows[0];
}
