import type { IntentOutcome } from "#shared/jobs/take-job.ts";
import type { Ending, Holder, Intent, OutboxRow, Rows } from "./world.ts";

/**
 * The moves as pure functions of a job's rows: what each transaction of the engine reads and writes.
 *
 * test/integration/moves/conformance.test.ts holds every one of them against the real statement, in every state that
 * the search comes by.
 */

const IN_DOUBT: ReadonlySet<IntentOutcome> = new Set(["unknown", "doubtful", "answered", "applied"]);
const WAITING = new Set(["scheduled", "blocked", "queued", "retrying", "held"]);

/** A new job, due now or later. One with an ordering key is not sent before its turn has come. */
export function enqueue(when: "now" | "later", expires: boolean, keyed: boolean): Rows {
  const now = when === "now";
  const sent = now && !keyed;
  return {
    state: sent ? "queued" : now ? "blocked" : "scheduled",
    send: sent ? 1 : 0,
    claim: 0,
    attempt: 0,
    holder: undefined,
    wake: !now,
    atGate: false,
    keyed,
    cancelRequested: false,
    expiry: expires ? "ahead" : "none",
    expired: false,
    intents: [],
    outbox: sent ? [{ send: 1, wait: false, published: false }] : [],
    letter: "none",
  };
}

/** The scheduler, at `wake_at`. */
export function fireDue(rows: Rows): Rows {
  if (!rows.wake) return rows;
  if (rows.keyed && rows.state === "scheduled") return { ...rows, wake: false, state: "blocked" };
  return sendAgain({ ...rows, wake: false });
}

/** The promoter, when the job is the first of its line and none is active. */
export function promote(rows: Rows): Rows {
  return rows.state === "blocked" ? sendAgain(rows) : rows;
}

/** A consumer, on a live delivery before a gate that it has found shut. */
export function holdAtGate(rows: Rows, send: number): Rows {
  if (rows.send !== send || !isWaitingForDelivery(rows)) return rows;
  return { ...rows, state: "held", send: rows.send + 1, wake: true, atGate: true };
}

/** The scheduler, at a gate that opens. */
export function releaseHeld(rows: Rows): Rows {
  return rows.state === "held" && rows.atGate ? sendAgain({ ...rows, wake: false }) : rows;
}

/** What a run knows of its job when it begins. */
export interface Taken {
  readonly claim: number;
  readonly number: number;
  readonly before: IntentOutcome | undefined;
  readonly receipt: boolean;
  readonly over: boolean;
}

/** A consumer, on a live delivery. */
export function takeJob(rows: Rows, send: number, holder: Holder): { rows: Rows; taken?: Taken } {
  if (rows.send !== send || !isWaitingForDelivery(rows)) return { rows };
  return take(rows, holder);
}

/** A consumer, on a redelivered one of a job that runs. */
export function takeOver(
  rows: Rows,
  wanted: { readonly send: number; readonly claim: number; readonly holder: Holder },
): { rows: Rows; taken?: Taken } {
  if (rows.state !== "running" || rows.send !== wanted.send || rows.claim !== wanted.claim) return { rows };
  return take(rows, wanted.holder);
}

function take(rows: Rows, holder: Holder): { rows: Rows; taken: Taken } {
  const latest = rows.intents.at(-1);
  const fresh = latest === undefined || latest.outcome === "refused";
  const intents = fresh
    ? [...rows.intents, { outcome: "unknown", receipt: false } as const]
    : withLast(rows.intents, latest.outcome === "unsent" ? { ...latest, outcome: "unknown" } : latest);
  const claim = rows.claim + 1;
  const taken = {
    claim,
    number: intents.length,
    before: fresh ? undefined : latest.outcome,
    receipt: latest?.receipt === true,
    over: rows.cancelRequested || rows.expired,
  };
  return { rows: { ...rows, state: "running", holder, claim, intents }, taken };
}

/** A consumer, after the provider said that nothing can happen under the intent in force. */
export function nextIntent(rows: Rows, claim: number, number: number): { rows: Rows; number?: number } {
  if (rows.state !== "running" || rows.claim !== claim) return { rows };
  const intents = [...withNote(rows.intents, number, "refused")];
  intents[number] = { outcome: "unknown", receipt: intents[number]?.receipt === true };
  return { rows: { ...rows, intents }, number: number + 1 };
}

/** A consumer, that could not record an effect. */
export function keepReceipt(rows: Rows, number: number): Rows {
  return { ...rows, intents: withNote(rows.intents, number, "applied", true) };
}

/** A consumer, at the end of a run; undefined when another claim has the job. */
export function settle(
  rows: Rows,
  run: { readonly claim: number; readonly number: number },
  ending: Ending,
  limits: { readonly maxAttempts: number; readonly onLadder: boolean; readonly asks: boolean },
): Rows | undefined {
  if (rows.state !== "running" || rows.claim !== run.claim) return undefined;
  if (rows.cancelRequested && "intent" in ending && ending.intent !== "applied") {
    return settleCalledOff(
      { ...rows, intents: withNote(rows.intents, run.number, ending.intent) },
      ending,
      limits,
    );
  }
  const noted = (outcome: IntentOutcome): Rows => ({
    ...rows,
    intents: withNote(rows.intents, run.number, outcome),
  });
  switch (ending.kind) {
    case "applied":
      return end({ ...noted("applied"), attempt: rows.attempt + 1 }, "completed");
    case "cancelled":
      return end(noted("refused"), "cancelled");
    case "dead":
      return bury({ ...noted(ending.intent), attempt: rows.attempt + 1 });
    case "held":
      return { ...noted(ending.intent), state: "held", send: rows.send + 1, holder: undefined, wake: true };
    case "failed":
      return countFailure(noted(ending.intent), limits);
  }
}

// Without a doubt it ends; in doubt the provider is asked after a while, or people have to.
function settleCalledOff(
  rows: Rows,
  { kind, intent }: { readonly kind: Ending["kind"]; readonly intent: IntentOutcome },
  { asks }: { readonly asks: boolean },
): Rows {
  if (intent === "refused" || intent === "unsent") return end(rows, "cancelled");
  if (!asks && kind !== "held") return bury({ ...rows, attempt: rows.attempt + 1 });
  return { ...rows, state: "held", send: rows.send + 1, holder: undefined, wake: true };
}

/** A consumer, with the database effects of a delivery in the same transaction; undefined when it is not live. */
export function record(
  rows: Rows,
  send: number,
  ending: "applied" | "failed" | "held",
  limits: { readonly maxAttempts: number; readonly onLadder: boolean },
): Rows | undefined {
  if (rows.send !== send || !isWaitingForDelivery(rows)) return undefined;
  if (rows.cancelRequested || rows.expired) return end(rows, "cancelled");
  if (ending === "applied") return end({ ...rows, attempt: rows.attempt + 1 }, "completed");
  if (ending === "held") return { ...rows, state: "held", send: rows.send + 1, wake: true };
  return countFailure(rows, limits);
}

/** A consumer that stops in the middle of a run; `again` when its delivery is another's by now, or lost. */
export function giveBack(
  rows: Rows,
  run: { readonly claim: number; readonly number: number; readonly before: IntentOutcome | undefined },
  { begun, again }: { readonly begun: boolean; readonly again: boolean },
): Rows {
  if (rows.state !== "running" || rows.claim !== run.claim) return rows;
  const untouched = !begun && (run.before === undefined || run.before === "unsent");
  const isUnknown = rows.intents[run.number - 1]?.outcome === "unknown";
  const intents = untouched && isUnknown ? withNote(rows.intents, run.number, "unsent") : rows.intents;
  const given: Rows = { ...rows, state: "queued", holder: undefined, intents };
  return again ? sendAgain(given) : given;
}

/** The sweep, when no heartbeat has listed a running job for 30 s. */
export function requeueOrphans(rows: Rows): Rows {
  if (rows.state !== "running") return rows;
  return sendAgain({ ...rows, claim: rows.claim + 1 });
}

/** The sweep, on a job whose message seems to be lost. */
export function sendStraggler(rows: Rows): Rows {
  const waits = rows.state === "queued" || (rows.state === "retrying" && !rows.wake);
  return waits ? sendAgain(rows) : rows;
}

/** The relay that finds a broker without its marker; running jobs are left to their holders or the sweep. */
export function beginIncarnation(rows: Rows): Rows {
  if (rows.state === "queued") return sendAgain(rows);
  if (rows.state === "retrying" && !rows.wake) return { ...rows, send: rows.send + 1, wake: true };
  return rows;
}

/** The scheduler, when a job's time is over. */
export function expire(rows: Rows): Rows {
  if (rows.expiry !== "due") return rows;
  const seen: Rows = { ...rows, expiry: "none" };
  return WAITING.has(rows.state) && !isInDoubt(rows) ? end(seen, "cancelled") : seen;
}

/** A person, or another service: `duly.cancel`. */
export function cancel(rows: Rows): Rows {
  const waits = WAITING.has(rows.state);
  if (waits && !isInDoubt(rows)) return end(rows, "cancelled");
  if (!(waits || rows.state === "running") || rows.cancelRequested) return rows;
  const requested: Rows = { ...rows, cancelRequested: true };
  // Its delivery asks what became of the effect; that need not wait.
  const waitsLong = rows.state === "held" || rows.state === "retrying";
  return waitsLong ? sendAgain({ ...requested, wake: false }) : requested;
}

/** The recorder, on a delivery that its queue gave up. */
export function recordRejected(rows: Rows, send: number): Rows {
  const live = isWaitingForDelivery(rows) || rows.state === "running";
  return rows.send === send && live ? bury(rows) : rows;
}

/** A consumer, on a parked copy that a person moved to a work queue. */
export function replayLetter(rows: Rows): Rows {
  if (rows.letter !== "open" || rows.state !== "dead_lettered") return rows;
  const fresh: Rows = { ...rows, attempt: 0, letter: "closed", cancelRequested: false };
  // It joins its line, behind or before those that came meanwhile.
  return rows.keyed ? { ...fresh, state: "blocked", send: rows.send + 1 } : sendAgain(fresh);
}

/** State `queued` under the next send, with its outbox row. */
function sendAgain(rows: Rows): Rows {
  const send = rows.send + 1;
  const sent: Rows = { ...rows, send, holder: undefined, atGate: false };
  return { ...sent, state: "queued", outbox: withRow(rows, { send, wait: false }) };
}

function countFailure(rows: Rows, limits: { maxAttempts: number; onLadder: boolean }): Rows {
  const attempt = rows.attempt + 1;
  if (attempt >= limits.maxAttempts) return bury({ ...rows, attempt });
  const send = rows.send + 1;
  const next: Rows = { ...rows, state: "retrying", attempt, send, holder: undefined };
  if (!limits.onLadder) return { ...next, wake: true };
  return { ...next, outbox: withRow(rows, { send, wait: true }) };
}

function bury(rows: Rows): Rows {
  return { ...end(rows, "dead_lettered"), letter: "open" };
}

function end(rows: Rows, state: "completed" | "cancelled" | "dead_lettered"): Rows {
  return { ...rows, state, holder: undefined, wake: false, atGate: false };
}

function isInDoubt({ intents }: Rows): boolean {
  return intents.some(({ outcome }) => IN_DOUBT.has(outcome));
}

function isWaitingForDelivery(rows: Rows): boolean {
  return rows.state === "queued" || rows.state === "retrying";
}

function withRow(rows: Rows, row: Omit<OutboxRow, "published">): readonly OutboxRow[] {
  return [...rows.outbox, { ...row, published: false }];
}

function withNote(
  intents: readonly Intent[],
  number: number,
  outcome: IntentOutcome,
  receipt = false,
): readonly Intent[] {
  return intents.map((intent, place) =>
    place === number - 1 ? { outcome, receipt: intent.receipt || receipt } : intent,
  );
}

function withLast(intents: readonly Intent[], last: Intent): readonly Intent[] {
  return [...intents.slice(0, -1), last];
}
