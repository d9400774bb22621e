import type { PaymentsDatabase } from "../tables.ts";
import { type BatchOutcome, insertPayments } from "./insert-payments.ts";
import {
  type ImportTerms,
  type LineFault,
  type PaymentLine,
  paymentLineParser,
} from "./parse-payment-line.ts";
import { parseRecords } from "./parse-records.ts";
import { type Line, readBatches } from "./read-batches.ts";
import { readHeader } from "./read-header.ts";

/** How an import is to be done. */
export interface ImportOptions extends ImportTerms {
  /** Lines in one transaction. */
  readonly batch: number;
  /** Given to every job. */
  readonly correlationId: string | undefined;
}

/** A batch that is committed; its faults are in the order of the lines. */
export interface ImportedBatch extends BatchOutcome {
  /** Number of the last line that was looked at. */
  readonly lastLine: number;
}

/**
 * Imports the payments of a CSV text, a batch in a transaction of its own, and tells of each batch once it is in.
 *
 * Whoever stops listening stops the import behind a batch. Throws when the header cannot be used.
 */
export async function* importPayments(
  db: PaymentsDatabase,
  text: AsyncIterable<string>,
  options: ImportOptions,
): AsyncGenerator<ImportedBatch> {
  let parse: ReturnType<typeof paymentLineParser> | undefined;
  for await (const lines of readBatches(text, options.batch)) {
    const lastLine = lines.at(-1)?.number ?? 0;
    const body = parse === undefined ? lines.slice(1) : lines;
    parse ??= paymentLineParser(readHeader(headerOf(lines)), options);
    const [good, bad] = sort(body, parse);
    const outcome = await insertPayments(db, good, options.correlationId);
    const faults = [...bad, ...outcome.faults].sort((a, b) => a.line - b.line);
    yield { ...outcome, faults, lastLine };
  }
  if (parse === undefined) throw new Error("the file is empty: its first line must name the columns");
}

function headerOf(lines: readonly Line[]): readonly string[] {
  const [header] = parseRecords(lines.slice(0, 1));
  if (header === undefined || "fault" in header) {
    throw new Error(`the first line cannot be read: ${header?.fault ?? "it is empty"}`);
  }
  return header.fields;
}

function sort(
  lines: readonly Line[],
  parse: ReturnType<typeof paymentLineParser>,
): [PaymentLine[], LineFault[]] {
  const good: PaymentLine[] = [];
  const bad: LineFault[] = [];
  for (const record of parseRecords(lines)) {
    const parsed =
      "fault" in record ? { line: record.line, reason: record.fault } : parse(record.line, record.fields);
    if ("reason" in parsed) bad.push(parsed);
    else good.push(parsed);
  }
  return [good, bad];
}
