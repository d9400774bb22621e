import type { Effects } from "#shared/consuming/handle.ts";
import type { JobState } from "#shared/contracts/job-state.ts";
import type { IntentOutcome } from "#shared/jobs/take-job.ts";

/** Two consumer processes are enough for every race between a holder and its successor. */
export type Process = "A" | "B";
/** `gone` an instance that was killed: the row still names it. */
export type Holder = Process | "gone";

/** What PostgreSQL holds of one job: all that the moves read and write. */
export interface Rows {
  readonly state: JobState;
  readonly send: number;
  readonly claim: number;
  readonly attempt: number;
  readonly holder: Holder | undefined;
  /** Whether `wake_at` is set: the scheduler will look at it. */
  readonly wake: boolean;
  /** Whether it is held at the gate: whoever opens that releases it, and `wake_at` is an hour away. */
  readonly atGate: boolean;
  /** Whether it has an ordering key; it is alone in its line. */
  readonly keyed: boolean;
  /** Whether somebody called it off while it could not be ended at once. */
  readonly cancelRequested: boolean;
  /** Of `expires_at`: not there or seen to · to be seen to when its time is over · the same, and it is over. */
  readonly expiry: "none" | "ahead" | "due";
  /** Whether `expires_at` is past. */
  readonly expired: boolean;
  /** Of its intents, by number. */
  readonly intents: readonly Intent[];
  readonly outbox: readonly OutboxRow[];
  readonly letter: "none" | "open" | "closed";
}

export interface Intent {
  readonly outcome: IntentOutcome;
  readonly receipt: boolean;
}

export interface OutboxRow {
  readonly send: number;
  /** To the wait queue. */
  readonly wait: boolean;
  /** Published, and not yet deleted: a relay has it locked. */
  readonly published: boolean;
}

/** A message on a work queue. */
export interface Copy {
  /** Undefined for a parked copy that a person moved here. */
  readonly send: number | undefined;
  readonly redelivered: boolean;
}

/** How far a delivery is in the hands of a process; named after what it does next. */
export type Place =
  | "hold"
  | "take"
  | "look"
  | "takeOver"
  | "ask"
  | "open"
  | "call"
  | "wait"
  | "askAfter"
  | "keep"
  | "settle"
  | "ack";

/** What a run led to, to be settled. */
export type Ending =
  | { readonly kind: "applied" | "cancelled" }
  | { readonly kind: "failed" | "dead" | "held"; readonly intent: IntentOutcome };

/**
 * The gate of what the handler uses: `clear` · `shut` · `probing` one job finds out whether it may open · `releasing` what
 * was held is sent.
 */
export interface GateStand {
  readonly state: "clear" | "shut" | "probing" | "releasing";
  /** Whether the job is its probe, or was when its process died. */
  readonly probe: boolean;
}

/** A delivery in the hands of a process. */
export interface Hand {
  readonly process: Process;
  readonly copy: Copy;
  /** Whether its channel still stands: acking has an effect, and its message is nobody else's. */
  readonly channel: boolean;
  readonly at: Place;
  /** Of its own run, or while it takes over: of the claim it means to succeed. */
  readonly claim: number;
  /** Of the intent in force, from 1. */
  readonly number: number;
  readonly before: IntentOutcome | undefined;
  readonly inDoubt: boolean;
  readonly over: boolean;
  readonly ending: Ending | undefined;
}

/** A call on its way to the provider: it may arrive at any time, whoever made it. */
export interface Request {
  readonly number: number;
  readonly claim: number;
}

/** Everything there is of one job. */
export interface World {
  readonly rows: Rows;
  readonly work: readonly Copy[];
  /** The wait queue: sends. */
  readonly waiting: readonly number[];
  /**
   * The broker's marker: `known` it is PostgreSQL's · `gone` · `written` PostgreSQL has a new one, the broker not yet ·
   * `early` the other way round, which must not be.
   */
  readonly marker: "known" | "gone" | "written" | "early";
  readonly gate: GateStand;
  readonly hands: readonly Hand[];
  readonly requests: readonly Request[];
  /** What the provider remembers of each key: its first answer. */
  readonly keys: readonly ("applied" | "refused" | undefined)[];
  readonly effects: number;
  /** Commits of `record`. */
  readonly records: number;
  /** Runs that got an answer since the job was last sent anew by a person. */
  readonly answers: number;
  /** Misfortunes that may still happen. */
  readonly faults: number;
  /** What people have done. */
  readonly done: readonly ("cancel" | "replay")[];
}

/** A kind of handler, and how much may happen to its job. */
export interface Setting {
  /** Undefined for a handler with database effects only. */
  readonly effects: Effects | undefined;
  /** What its `ask` can say: `plain` never that a key is closed, `closes` when the provider refused it, `voids` makes it so. */
  readonly ask: "plain" | "closes" | "voids" | undefined;
  readonly maxAttempts: number;
  readonly faults: readonly Fault[];
  readonly faultCount: number;
  readonly expires: boolean;
  /** Whether it has an ordering key. */
  readonly keyed: boolean;
  /** Whether it has to pass a gate. */
  readonly gated: boolean;
  /** Whether it is critical, and consumers may take it past the broker. */
  readonly critical: boolean;
  /** What people may do, once each. */
  readonly people: readonly ("cancel" | "replay")[];
  /** Moves that are switched off or bent, to see that the search finds out. */
  readonly without: ReadonlySet<string>;
}

/** What may go wrong. */
export type Fault =
  | "kill"
  | "cut"
  | "stall"
  | "lostCommit"
  | "relayDies"
  | "duplicate"
  | "purge"
  | "wipe"
  | "drain"
  | "givenUp"
  | "straggler"
  | "timeout"
  | "unreachable"
  | "refused"
  | "permanent"
  | "failed"
  | "cannotTell"
  | "recordThrows"
  | "shuts";
