import { readFile } from "node:fs/promises";
import { parse } from "csv-parse/sync";
import { z } from "zod";
import { ReportTransactions } from "#shared/contracts/reports.ts";
import { isErrno } from "../../setup-error.ts";
import { ofType, type RunJob } from "../run-jobs.ts";

const Receipt = z.object({ path: z.string(), rows: z.number() });
const Rows = z.array(z.object({ reference: z.string(), outcome: z.string() }));

/** The report of the run as it lies on disk. */
export interface ReportFile {
  readonly path: string;
  /** Rows that its job says to have written. */
  readonly claimedRows: number;
  readonly rows: z.infer<typeof Rows>;
}

/** Reads the file of the run's report; undefined when there is none. */
export async function reportFile(jobs: readonly RunJob[]): Promise<ReportFile | undefined> {
  const [job] = ofType(jobs, ReportTransactions);
  const receipt = Receipt.safeParse(job?.result).data;
  if (receipt === undefined) return undefined;
  try {
    const rows = Rows.parse(parse(await readFile(receipt.path, "utf8"), { columns: true }));
    return { path: receipt.path, claimedRows: receipt.rows, rows };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
