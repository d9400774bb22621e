import { type QueryExecutorProvider, sql } from "kysely";

/** How long a probe may be on its way, beyond the time that its handler has. */
const ON_ITS_WAY_MS = 60_000;

/** Makes a job the probe of a gate that has none; there is one at a time. @returns whether it is. */
export async function takeProbe(
  trx: QueryExecutorProvider,
  gate: string,
  job: { readonly id: string; readonly timeout_ms: number },
): Promise<boolean> {
  const taken = await sql`
    update duly.gates set probe = ${job.id}, until = duly.now() + ${job.timeout_ms + ON_ITS_WAY_MS} * interval '1 ms'
    where name = ${gate} and state = 'probing' and (probe is null or probe = ${job.id}) returning 1
  `.execute(trx);
  return taken.rows.length > 0;
}

/** What a probe found out: the dependency answers, it fails, or the job came to no call. */
export type ProbeResult = "answers" | "fails" | "nothing";

/** Ends a probe: the gate releases what it held, is shut again, or takes another probe. */
export async function endProbe(
  db: QueryExecutorProvider,
  probe: { readonly gate: string; readonly jobId: string },
  result: ProbeResult,
): Promise<void> {
  const change = {
    answers: sql`state = 'releasing', ramp = 1, since = duly.now(), until = duly.now()`,
    fails: sql`state = 'shut', since = duly.now(), until = duly.now() + probe_after_ms * interval '1 ms'`,
    nothing: sql`until = duly.now()`,
  }[result];
  await sql`
    update duly.gates set probe = null, ${change}
    where name = ${probe.gate} and state = 'probing' and probe = ${probe.jobId}
  `.execute(db);
}

/** Leaves the probe to another job: its delivery is not live. A second copy of one that is at work changes nothing. */
export async function leaveProbe(
  db: QueryExecutorProvider,
  probe: { readonly gate: string; readonly jobId: string },
): Promise<void> {
  await sql`
    update duly.gates set probe = null, until = duly.now()
    where name = ${probe.gate} and state = 'probing' and probe = ${probe.jobId}
      and not exists (select from duly.jobs j where j.id = ${probe.jobId} and j.state = 'running')
  `.execute(db);
}
