import type { Transaction } from "kysely";
import type { Database } from "../database/database.ts";
import type { DulyTables } from "../database/tables.ts";
import { GATE_BACKSTOP_MS, type Gate } from "../gates/gate.ts";
import { holdAtGate } from "../gates/hold-at-gate.ts";
import { takeProbe } from "../gates/probe.ts";
import { readGates } from "../gates/read-gates.ts";
import { lockJobs } from "../jobs/find-job.ts";
import type { JobRow } from "../jobs/job-row.ts";

/** A delivery before gates that seem to be shut. */
export interface Waiting {
  readonly id: string;
  readonly send: number;
  /** The names of all gates that it has to pass. */
  readonly gates: readonly string[];
  /** The bulkhead of its process that has no room for it. */
  readonly full: string | undefined;
}

/**
 * What becomes of it: `held` · `again` its gates are open after all · `passes`, as the probe of a gate, with a token
 * that was taken for it, or because it is not live, which is for the fence to say.
 */
export type Verdict =
  | { readonly kind: "held"; readonly waitsFor: string }
  | { readonly kind: "again" }
  | Pass;

/** Leave to pass the gates once. */
export interface Pass {
  readonly kind: "passes";
  /** The gate whose probe it is. */
  readonly probeOf?: string;
}

/** What PostgreSQL said while deliveries were held: a verdict for each, and the gates. */
export interface HoldResult {
  readonly verdicts: readonly Verdict[];
  readonly gates: readonly Gate[];
}

/** Holds a group of deliveries before their claim, in one transaction; after it the held ones may be acked. */
export async function holdDeliveries(db: Database, group: readonly Waiting[]): Promise<HoldResult> {
  return db.transaction().execute(async (trx) => {
    const gates = await readGates(trx);
    const rows = await lockJobs(
      trx,
      group.map(({ id }) => id),
    );
    const held = new Map<string, string>();
    const verdicts: Verdict[] = [];
    for (const waiting of group) {
      const row = rows.get(waiting.id);
      const verdict = isLive(row, waiting) ? await judge(trx, row, waiting, gates) : PASSES;
      if (verdict.kind === "held") held.set(waiting.id, verdict.waitsFor);
      verdicts.push(verdict);
    }
    await holdAtGate(
      trx,
      [...held].map(([id, waitsFor]) => ({ id, waitsFor })),
      GATE_BACKSTOP_MS,
    );
    return { verdicts, gates };
  });
}

const PASSES: Pass = { kind: "passes" };

function isLive(row: JobRow | undefined, { send }: Waiting): row is JobRow {
  return row !== undefined && row.send === send && (row.state === "queued" || row.state === "retrying");
}

async function judge(
  trx: Transaction<DulyTables>,
  row: JobRow,
  waiting: Waiting,
  gates: readonly Gate[],
): Promise<Verdict> {
  const paid = row.pass === row.send;
  const before = gates.filter(
    ({ name, kind }) => waiting.gates.includes(name) && !(paid && kind === "limit"),
  );
  const shut = before.find(({ state }) => state === "shut") ?? before[0];
  if (shut === undefined && waiting.full !== undefined) return { kind: "held", waitsFor: waiting.full };
  if (shut === undefined) return paid ? PASSES : { kind: "again" };
  if (shut.state === "probing" && before.length === 1 && (await takeProbe(trx, shut.name, row)))
    return { kind: "passes", probeOf: shut.name };
  return { kind: "held", waitsFor: shut.name };
}
