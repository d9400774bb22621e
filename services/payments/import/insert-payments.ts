import { sql } from "kysely";
import { ChargeCard, ExecutePayment } from "#shared/contracts/payments.ts";
import { enqueueMany } from "#shared/index.ts";
import type { PaymentsDatabase } from "../tables.ts";
import type { LineFault, PaymentLine } from "./parse-payment-line.ts";

/** What became of a batch of lines. */
export interface BatchOutcome {
  readonly imported: number;
  /** Lines whose payment was there already, with the same fields. */
  readonly skipped: number;
  readonly faults: readonly LineFault[];
}

/** The job that makes a payment, by its method. */
const JOBS = [
  ["erc20", ExecutePayment],
  ["card", ChargeCard],
] as const;

interface Inserted {
  readonly id: string;
  readonly reference: string;
}

/**
 * Writes payments and their jobs in one transaction; a reference that is taken keeps its first payment.
 *
 * Repeating it changes nothing. Rows are inserted in the order of their references, so that two imports of the same
 * payments wait for one another and never for each other's end.
 */
export async function insertPayments(
  db: PaymentsDatabase,
  lines: readonly PaymentLine[],
  correlationId: string | undefined,
): Promise<BatchOutcome> {
  return db.transaction().execute(async (trx) => {
    const payers = await knownPayers(trx, lines);
    const strangers = lines.filter(({ payer }) => !payers.has(payer));
    const faults: LineFault[] = strangers.map(({ line, payer }) => ({
      line,
      reason: `payer "${payer}" is not a known user`,
    }));

    const rest = lines.filter(({ payer }) => payers.has(payer));
    const firsts = new Map([...rest].reverse().map((each) => [each.reference, each]));
    const ids = new Map(
      (await insert(trx, [...firsts.values()])).map(({ id, reference }) => [reference, id]),
    );
    const added = rest.filter((each) => firsts.get(each.reference) === each && ids.has(each.reference));
    for (const [method, job] of JOBS) {
      const own = added.filter((each) => each.method === method);
      await enqueueJobs(trx, job, own, ids, correlationId);
    }

    const others = rest.filter((each) => !added.includes(each));
    const stored = await storedPayments(trx, others);
    for (const other of others) {
      const differing = differences(other, stored.get(other.reference));
      if (differing.length === 0) continue;
      const reason = `reference "${other.reference}" is taken by a payment with another ${differing.join(", ")}`;
      faults.push({ line: other.line, reason });
    }
    const skipped = lines.length - added.length - faults.length;
    return { imported: added.length, skipped, faults };
  });
}

async function knownPayers(trx: PaymentsDatabase, lines: readonly PaymentLine[]): Promise<Set<string>> {
  if (lines.length === 0) return new Set();
  const asked = [...new Set(lines.map(({ payer }) => payer))];
  const rows = await trx.selectFrom("payments.users").select("id").where("id", "in", asked).execute();
  return new Set(rows.map(({ id }) => id));
}

async function insert(trx: PaymentsDatabase, lines: readonly PaymentLine[]): Promise<readonly Inserted[]> {
  if (lines.length === 0) return [];
  const rows = lines
    .map((line) => ({ ...line, amount: line.amount.toString() }))
    .sort((a, b) => (a.reference < b.reference ? -1 : 1));
  const result = await sql<Inserted>`
    insert into payments.payments (reference, payer, recipient, amount, currency, method, urgent, scheduled_for,
      scheduled_for_given)
    select reference, payer, recipient, amount, currency, method, urgent, coalesce("scheduledFor", now()),
      "scheduledForGiven"
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as line(reference text, payer text, recipient text,
      amount numeric, currency text, method text, urgent boolean, "scheduledFor" timestamptz, "scheduledForGiven" text)
    on conflict (reference) do nothing
    returning id, reference
  `.execute(trx);
  return result.rows;
}

async function enqueueJobs(
  trx: PaymentsDatabase,
  job: typeof ExecutePayment | typeof ChargeCard,
  added: readonly PaymentLine[],
  ids: ReadonlyMap<string, string>,
  correlationId: string | undefined,
): Promise<void> {
  if (added.length === 0) return;
  const paymentIds = added.map(({ reference }) => ids.get(reference) ?? "");
  const items = added.map(({ priority, scheduledFor }, index) => ({
    payload: { paymentId: paymentIds[index] ?? "" },
    priority,
    runAt: scheduledFor,
    correlationId,
  }));
  const jobIds = await enqueueMany(trx, job, items);
  await sql`
    update payments.payments as payment set job_id = made.job_id
    from unnest(${paymentIds}::uuid[], ${jobIds}::uuid[]) as made(payment_id, job_id)
    where payment.id = made.payment_id
  `.execute(trx);
}

type Comparable = Pick<PaymentLine, "payer" | "recipient" | "currency" | "method" | "urgent"> & {
  readonly amount: string;
  readonly scheduled_for: string;
};

async function storedPayments(
  trx: PaymentsDatabase,
  lines: readonly PaymentLine[],
): Promise<Map<string, Record<string, unknown>>> {
  if (lines.length === 0) return new Map();
  const asked = [...new Set(lines.map(({ reference }) => reference))];
  const rows = await trx
    .selectFrom("payments.payments")
    .select(["reference", "payer", "recipient", "amount", "currency", "method", "urgent"])
    .select("scheduled_for_given as scheduled_for")
    .where("reference", "in", asked)
    .execute();
  return new Map(rows.map((row) => [row.reference, row]));
}

function differences(line: PaymentLine, stored: Record<string, unknown> | undefined): string[] {
  const { payer, recipient, currency, method, urgent } = line;
  const amount = line.amount.toString();
  const wanted: Comparable = {
    payer,
    recipient,
    amount,
    currency,
    method,
    urgent,
    scheduled_for: line.scheduledForGiven,
  };
  return Object.entries(wanted).flatMap(([field, value]) => (stored?.[field] === value ? [] : [field]));
}
