import { type QueryExecutorProvider, sql, type Transaction } from "kysely";
import type { Database } from "../database/database.ts";
import type { DulyTables } from "../database/tables.ts";
import type { Gate } from "./gate.ts";
import { releaseHeld } from "./release-held.ts";

/** How long after a breaker may be probed a fresh delivery may become the probe, before a held job is sent as it. */
const FRESH_FIRST_MS = 300;
/** How long a held job that was sent for a probe may be on its way before another one is. */
const PROBE_COMES_MS = 60_000;
const RAMP_EVERY_MS = 100;
const STEEPEST = 1_024;
/** How long a gate is still looked after whose jobs seem to be gone: somebody may just be holding one more. */
const LINGER_MS = 2_000;
/** How often tokens are handed out to held jobs, at most. */
const TOKENS_EVERY_MS = 50;
const IDLE_MS = 1_000;

interface TendedGate extends Gate {
  readonly ramp: number;
  /** Milliseconds in this state. */
  readonly for_ms: number;
  readonly tokens: number | null;
  /** Milliseconds that a token of a rate limit takes to come. */
  readonly token_ms: number | null;
}

/**
 * Does what is due at the gates: ends pauses, sends probes, releases held jobs on a ramp or as tokens allow.
 *
 * Each gate in a transaction of its own; one that another scheduler is at is left to it.
 *
 * @returns milliseconds until something is due again; undefined for nothing in sight.
 */
export async function tendGates(db: Database): Promise<number | undefined> {
  const due = await sql<{ name: string }>`
    select name from duly.gates where state <> 'clear' and until <= duly.now() order by name
  `.execute(db);
  for (const { name } of due.rows) await db.transaction().execute((trx) => tendGate(trx, name));
  const next = await sql<{ ms: number | null }>`
    select extract(epoch from min(until) - duly.now())::float8 * 1000 as ms from duly.gates where state <> 'clear'
  `.execute(db);
  const ms = next.rows[0]?.ms ?? undefined;
  return ms === undefined ? undefined : Math.max(0, ms);
}

async function tendGate(trx: Transaction<DulyTables>, name: string): Promise<void> {
  const found = await sql<TendedGate>`
    select name, kind, state, probe, ramp, extract(epoch from duly.now() - since)::float8 * 1000 as for_ms,
      duly.tokens_of(g) as tokens, g.per_ms::float8 / (g.count - greatest(1, g.count / 10) + 1) as token_ms
    from duly.gates g where name = ${name} and state <> 'clear' and until <= duly.now() for update skip locked
  `.execute(trx);
  const gate = found.rows[0];
  if (gate === undefined) return;
  if (gate.kind === "limit") return releaseByTokens(trx, gate);
  switch (gate.state) {
    case "shut":
      return gate.kind === "breaker" ? beginProbing(trx, gate) : beginReleasing(trx, gate);
    case "probing":
      return sendProbe(trx, gate);
    case "releasing":
      return releaseOnRamp(trx, gate);
    case "clear":
      return;
  }
}

// Under load a fresh delivery comes at once: as the probe it costs no held job a further one.
async function beginProbing(trx: QueryExecutorProvider, { name }: TendedGate): Promise<void> {
  await sql`
    update duly.gates set state = 'probing', probe = null, since = duly.now(),
      until = duly.now() + ${FRESH_FIRST_MS} * interval '1 ms' where name = ${name}
  `.execute(trx);
}

async function beginReleasing(trx: QueryExecutorProvider, { name }: TendedGate): Promise<void> {
  await sql`
    update duly.gates set state = 'releasing', ramp = 1, since = duly.now(), until = duly.now() where name = ${name}
  `.execute(trx);
}

// A probe whose time is over came to no end. Whichever job is delivered first is the next: the one that is sent here may
// have a long queue before it.
async function sendProbe(trx: QueryExecutorProvider, { name }: TendedGate): Promise<void> {
  await sql`update duly.gates set probe = null where name = ${name}`.execute(trx);
  const sent = await releaseHeld(trx, { gate: name, most: 1 });
  await lookAgainIn(trx, name, sent.length === 0 ? IDLE_MS : PROBE_COMES_MS);
}

async function releaseOnRamp(trx: QueryExecutorProvider, gate: TendedGate): Promise<void> {
  const { name, ramp } = gate;
  const released = await releaseHeld(trx, { gate: name, most: ramp });
  if (released.length > 0) {
    await sql`
      update duly.gates set ramp = ${Math.min(STEEPEST, ramp * 2)},
        until = duly.now() + ${RAMP_EVERY_MS} * interval '1 ms' where name = ${name}
    `.execute(trx);
  } else if (gate.for_ms < LINGER_MS) await lookAgainIn(trx, name, LINGER_MS / 4);
  else await sql`delete from duly.gates where name = ${name}`.execute(trx);
}

// The most urgent first; the limit is clear again when nobody waits at it.
async function releaseByTokens(trx: QueryExecutorProvider, gate: TendedGate): Promise<void> {
  const { name, tokens, token_ms } = gate;
  const whole = Math.floor(tokens ?? 1);
  const released = whole > 0 ? await releaseHeld(trx, { gate: name, most: whole, paid: true }) : [];
  if (whole > 0 && released.length === 0) {
    await sql`update duly.gates set state = 'clear', since = duly.now(), until = null where name = ${name}`.execute(
      trx,
    );
    return;
  }
  await sql`
    update duly.gates g set tokens = duly.tokens_of(g) - ${released.length}::integer, filled_at = duly.now()
    where name = ${name} and count is not null
  `.execute(trx);
  const nextTokenMs = (1 + whole - (tokens ?? 1)) * (token_ms ?? 0);
  await lookAgainIn(trx, name, Math.max(TOKENS_EVERY_MS, Math.ceil(nextTokenMs)));
}

async function lookAgainIn(trx: QueryExecutorProvider, name: string, ms: number): Promise<void> {
  await sql`update duly.gates set until = duly.now() + ${ms} * interval '1 ms' where name = ${name}`.execute(
    trx,
  );
}
