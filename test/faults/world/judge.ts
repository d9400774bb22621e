import type { Kind } from "../service/kinds.ts";

/** What became of one committed job, as PostgreSQL tells. */
export interface JobFate {
  readonly job: string;
  readonly kind: Kind;
  readonly failures: number;
  readonly hopeless: boolean;
  readonly state: string | null;
  readonly attempts: number | null;
  readonly most_attempts: number | null;
  readonly letter: string | null;
  readonly letters: number;
  /** Rows that its handler wrote. */
  readonly rows: number;
  /** Rows that were written because of its event. */
  readonly heard: number;
  /** Whether somebody asked for it to be cancelled. */
  readonly asked: boolean;
  /** Whether somebody took away what made it hopeless, and sent its letter's job again. */
  readonly mended: boolean;
}

/** How a promise was broken, for one job. */
export type Breach = "lost" | "duplicate" | "wrong end" | "attempts";

export interface Verdict {
  readonly breaches: readonly { readonly job: string; readonly breach: Breach; readonly what: string }[];
  /** Second effects where the handler says that there may be some. */
  readonly declaredDuplicates: number;
}

const FINAL: ReadonlySet<string> = new Set(["completed", "dead_lettered", "cancelled"]);
const OUTSIDE: ReadonlySet<Kind> = new Set([
  "keyed",
  "closing",
  "refused",
  "gated",
  "urgent",
  "line",
  "expiring",
  "repeatable",
  "single",
]);
/** Whose handlers cannot ask what became of an effect. */
const UNASKED: ReadonlySet<Kind> = new Set(["repeatable", "single"]);
/** Of which nothing but a planned failure may cost an attempt: no answer of a provider is ever in doubt. */
const isExact = (kind: Kind) => kind === "refused" || !OUTSIDE.has(kind);

/**
 * Compares what became of each job with what was promised when it was committed; with `exactAttempts` outside effects had
 * no other reason for an attempt than a planned failure, either.
 */
export function judge(
  fates: readonly JobFate[],
  effects: ReadonlyMap<string, number>,
  exactAttempts = false,
): Verdict {
  const breaches = fates.flatMap((fate) => {
    const found = judgeOne(fate, effects.get(fate.job) ?? 0, exactAttempts);
    return found === undefined
      ? []
      : [{ job: fate.job, breach: found.breach, what: describe(fate, found.what) }];
  });
  const declaredDuplicates = fates
    .filter(({ kind }) => kind === "repeatable")
    .reduce((sum, { job }) => sum + Math.max(0, (effects.get(job) ?? 0) - 1), 0);
  return { breaches, declaredDuplicates };
}

interface Found {
  readonly breach: Breach;
  readonly what: string;
}

// What is broken first explains the rest.
function judgeOne(fate: JobFate, effects: number, exactAttempts: boolean): Found | undefined {
  return (
    judgeState(fate) ??
    judgeCancelled(fate, effects) ??
    judgeDuplicates(fate, effects) ??
    judgeMissing(fate, effects) ??
    judgeEnd(fate) ??
    judgeAttempts(fate, exactAttempts)
  );
}

function judgeState({ state }: JobFate): Found | undefined {
  if (state === null) return { breach: "lost", what: "there is no such job" };
  return FINAL.has(state) ? undefined : { breach: "lost", what: "it has not come to its end" };
}

// Cancelled means: certainly without an effect.
function judgeCancelled({ state, rows, heard }: JobFate, effects: number): Found | undefined {
  if (state !== "cancelled" || rows + heard + effects === 0) return undefined;
  const what = `cancelled with ${rows} rows, ${effects} effects and heard of ${heard} times`;
  return { breach: "wrong end", what };
}

function judgeDuplicates({ kind, rows, letters, heard }: JobFate, effects: number): Found | undefined {
  const twice = (what: string): Found => ({ breach: "duplicate", what });
  if (rows > 1) return twice(`its handler wrote ${rows} times`);
  if (letters > 1) return twice(`it has ${letters} dead letters`);
  if (heard > 1) return twice(`its event was heard ${heard} times`);
  if (effects > 1 && kind !== "repeatable") return twice(`its provider has ${effects} effects`);
  return undefined;
}

function judgeMissing({ kind, state, rows, heard }: JobFate, effects: number): Found | undefined {
  if (state !== "completed") return undefined;
  if (rows === 0) return { breach: "lost", what: "completed without its row" };
  if (OUTSIDE.has(kind) && effects === 0) return { breach: "lost", what: "completed without its effect" };
  if (kind === "row" && heard === 0) return { breach: "lost", what: "nobody heard of it" };
  return undefined;
}

function judgeEnd(fate: JobFate): Found | undefined {
  const { kind, state, letter, asked } = fate;
  if (isLeftToPeople(fate) || (state === "cancelled" && (asked || kind === "expiring"))) return undefined;
  if (kind === "poison" && letter === "killed_its_consumer") return undefined;
  const wanted = endOf(fate);
  if (state !== wanted || kind === "poison")
    return { breach: "wrong end", what: `${state} (${letter}) instead of ${wanted}` };
  return undefined;
}

function endOf(fate: JobFate): string {
  if (fate.kind === "brief") return "cancelled";
  return isHopeless(fate) || fate.kind === "poison" || isExhausting(fate) ? "dead_lettered" : "completed";
}

// Sent again after it was mended, it begins anew.
function isHopeless({ hopeless, mended }: JobFate): boolean {
  return hopeless && !mended;
}

// In doubt where nobody can be asked, and may not or need not be tried again.
function isLeftToPeople({ kind, state, letter, rows, asked }: JobFate): boolean {
  if (state !== "dead_lettered" || letter !== "outcome_in_doubt" || rows > 0) return false;
  return kind === "single" || (asked && UNASKED.has(kind));
}

// Fails more often than it may be tried.
function isExhausting({ failures, most_attempts: most }: JobFate): boolean {
  return most !== null && failures >= most;
}

// Database effects have no doubts: each planned failure is one attempt, and no fault of ours may cost another.
function judgeAttempts(fate: JobFate, exactAttempts: boolean): Found | undefined {
  const { kind, state, attempts, most_attempts: most, failures } = fate;
  if (kind === "poison") return undefined;
  const spent = attempts ?? 0;
  const allowed = most ?? 0;
  const wanted = isHopeless(fate) ? 1 : Math.min(failures + 1, allowed);
  const isShort = state !== "cancelled" && !isLeftToPeople(fate) && spent < wanted;
  const isWrong =
    exactAttempts || isExact(kind) || isExhausting(fate) ? isShort || spent > wanted : spent > allowed;
  return isWrong ? { breach: "attempts", what: `${attempts} attempts instead of ${wanted}` } : undefined;
}

function describe({ kind, state, attempts, failures }: JobFate, what: string): string {
  return `${kind} job: ${what} (state ${state}, ${attempts} attempts, ${failures} planned failures)`;
}
