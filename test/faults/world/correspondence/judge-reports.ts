import type { OwnVerdict } from "../../scenario.ts";
import type { ReportOrder } from "./transactions.ts";

/** What the service says of a report. */
export interface ReportFate {
  readonly job: string;
  readonly state: string | null;
  readonly attempts: number | null;
  readonly letters: number;
  /** Rows of the service's own table that tell of it, and how many lines the newest says it has. */
  readonly records: number;
  readonly recordedLines: number | null;
}

/** A file in the folder of reports. */
export interface ReportFile {
  readonly name: string;
  /** Its rows by `lineOf`; undefined when it is no whole CSV file. */
  readonly lines: readonly string[] | undefined;
}

/** What became of one transaction that was to be recorded. */
export interface TransactionFate {
  readonly job: string;
  readonly state: string | null;
  readonly attempts: number | null;
  /** Whether its row is there. */
  readonly isRecorded: boolean;
}

/** All that is known of a round's reports at its end. */
export interface ReportsEvidence {
  /** By job. */
  readonly orders: ReadonlyMap<string, ReportOrder>;
  readonly fates: readonly ReportFate[];
  readonly files: readonly ReportFile[];
  readonly transactions: readonly TransactionFate[];
}

type Breach = readonly ["lost" | "duplicates" | "wrongEnds", string];

/** Compares the files and what the service says of them with the reports that were ordered, and the rows behind them. */
export function judgeReports({ orders, fates, files, transactions }: ReportsEvidence): OwnVerdict {
  const fateOf = new Map(fates.map((fate) => [fate.job, fate]));
  const fileOf = new Map(files.map((file) => [file.name, file]));
  const names = new Set([...orders.keys()].map((job) => `${job}.csv`));
  const breaches: readonly Breach[] = [
    ...transactions.flatMap((fate) => named(`transaction of job ${fate.job}`, judgeTransaction(fate))),
    ...[...orders].flatMap(([job, order]) =>
      named(`report ${job}`, judgeReport(order, fateOf.get(job), fileOf.get(`${job}.csv`))),
    ),
    ...files
      .filter(({ name }) => !names.has(name))
      .map(({ name }) => ["wrongEnds", `${name} is no report that was ordered`] as const),
  ];
  const of = (kind: Breach[0]) => breaches.filter(([found]) => found === kind).map(([, what]) => what);
  return {
    committed: orders.size + transactions.length,
    lost: of("lost"),
    duplicates: of("duplicates"),
    wrongEnds: of("wrongEnds"),
  };
}

function named(what: string, breach: Breach | undefined): readonly Breach[] {
  return breach === undefined ? [] : [[breach[0], `${what}: ${breach[1]}`]];
}

// A database effect has no doubts: one attempt, whoever was killed.
function judgeTransaction({ state, attempts, isRecorded }: TransactionFate): Breach | undefined {
  if (state !== "completed") return ["lost", `it is ${state}`];
  if (!isRecorded) return ["lost", "completed, and not recorded"];
  return attempts === 1 ? undefined : ["wrongEnds", `${attempts} attempts instead of 1`];
}

// Nothing is planned to go wrong with a report, and it has one attempt.
function judgeReport(
  { lines }: ReportOrder,
  fate: ReportFate | undefined,
  file: ReportFile | undefined,
): Breach | undefined {
  if (fate === undefined) return ["lost", "there is no such job"];
  if (fate.state === "dead_lettered" || fate.letters > 0) return ["wrongEnds", "it has a dead letter"];
  if (fate.state !== "completed") return ["lost", `it is ${fate.state}`];
  if (fate.records > 1) return ["duplicates", `recorded ${fate.records} times`];
  if (fate.records === 0) return ["lost", "completed, and not recorded"];
  if (file === undefined) return ["lost", "completed, and there is no file"];
  return judgeLines(lines, file) ?? judgeRecord(lines, fate);
}

function judgeLines(wanted: readonly string[], { lines }: ReportFile): Breach | undefined {
  if (lines === undefined) return ["wrongEnds", "its file is not whole"];
  if (lines.length < wanted.length)
    return ["lost", `${lines.length} lines of ${wanted.length} stand in its file`];
  if (lines.length > wanted.length)
    return ["duplicates", `${lines.length} lines instead of ${wanted.length} stand in its file`];
  const place = lines.findIndex((line, index) => line !== wanted[index]);
  return place < 0 ? undefined : ["wrongEnds", `line ${place + 1} of its file is ${lines[place]}`];
}

function judgeRecord(wanted: readonly string[], { recordedLines, attempts }: ReportFate): Breach | undefined {
  if (recordedLines !== wanted.length)
    return ["wrongEnds", `recorded with ${recordedLines} lines instead of ${wanted.length}`];
  return attempts === 1 ? undefined : ["wrongEnds", `${attempts} attempts instead of 1`];
}
