import { sql } from "kysely";
import { PaymentCompleted } from "#shared/contracts/payments.ts";
import { RecordTransaction } from "#shared/contracts/reports.ts";
import { readTransfers, type TokenTransfer } from "../../outside/chain/read-transfers.ts";
import type { DemoInputs } from "../demo-inputs.ts";
import type { DemoRun } from "../demo-run.ts";
import { ofType, type RunJob } from "../run-jobs.ts";

/** A transfer on the chain, and whose it is. */
export interface ChainTransfer extends TokenTransfer {
  /** The payment of the run that it made; undefined when no payment, of this run or another, owns up to it. */
  readonly reference: string | undefined;
}

/** Reads what moved on the chain since the run began out of the payers' wallets, but for other runs' payments. */
export async function chainTransfers(
  run: DemoRun,
  { payers }: DemoInputs,
  jobs: readonly RunJob[],
): Promise<ChainTransfer[]> {
  const wallets = new Set(payers.map(({ address }) => address));
  const moved = (await readTransfers(run.stack, run.block)).filter(({ payer }) => wallets.has(payer));
  const references = referencesByHash(jobs);
  const transfers = moved.map((transfer) => {
    return { ...transfer, reference: references.get(transfer.transactionHash) };
  });
  const strangers = transfers.filter(({ reference }) => reference === undefined);
  const others = await paidByOthers(run, strangers);
  return transfers.filter(({ transactionHash }) => !others.has(transactionHash));
}

function referencesByHash(jobs: readonly RunJob[]): Map<string, string> {
  const recorded = ofType(jobs, RecordTransaction).map(({ payload }) =>
    RecordTransaction.payload.parse(payload),
  );
  return new Map(recorded.map(({ transactionHash, reference }) => [transactionHash ?? "", reference]));
}

/** Another run, cut off before its end, may still be paying: those transfers have events of their own. */
async function paidByOthers(run: DemoRun, transfers: readonly TokenTransfer[]): Promise<Set<string>> {
  if (transfers.length === 0) return new Set();
  const hashes = transfers.map(({ transactionHash }) => transactionHash);
  const { rows } = await sql<{ hash: string }>`
    select data ->> 'transactionHash' as hash from duly.events
    where id >= duly.first_id_at(${run.began}) and type = ${PaymentCompleted.routingKey}
      and correlation_id <> ${run.correlationId} and data ->> 'transactionHash' = any(${hashes})
  `.execute(run.db);
  return new Set(rows.map(({ hash }) => hash));
}
