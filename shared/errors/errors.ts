/** What is known of an outside effect after an error: certainly none, or nobody can tell yet. */
export type EffectKnowledge = "none" | "unknown";

interface ErrorDetails {
  readonly cause?: unknown;
}

/** Base of the errors that Duly throws or understands; `code` is stable and for programs. */
export abstract class DulyError extends Error {
  readonly code: string;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details);
    this.code = code;
    this.name = new.target.name;
  }
}

/** No further attempt can succeed: the job dead-letters now. The effect certainly did not happen. */
export class PermanentError extends DulyError {}

/** The next attempt may succeed: it follows after the type's backoff, or after `retryAfterMs`. */
export class RetryableError extends DulyError {
  readonly retryAfterMs: number | undefined;
  /** `none` when the provider surely refused: only then does the next attempt get a new intent. */
  readonly effect: EffectKnowledge;

  constructor(
    code: string,
    message: string,
    details: ErrorDetails & { readonly retryAfterMs?: number; readonly effect?: EffectKnowledge } = {},
  ) {
    super(code, message, details);
    this.retryAfterMs = details.retryAfterMs;
    this.effect = details.effect ?? "unknown";
  }
}

/** The dependency could not be reached, so nothing was asked of it: the job is held, no attempt is spent. */
export class UnreachableError extends DulyError {
  readonly dependency: string;

  constructor(dependency: string, message: string, details: ErrorDetails = {}) {
    super("unreachable", message, details);
    this.dependency = dependency;
  }
}

/** The dependency asked for patience: the job is held for `retryAfterMs`, no attempt is spent. */
export class RateLimitedError extends DulyError {
  readonly dependency: string;
  readonly retryAfterMs: number;

  constructor(
    dependency: string,
    message: string,
    details: ErrorDetails & { readonly retryAfterMs: number },
  ) {
    super("rate_limited", message, details);
    this.dependency = dependency;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** The request left, its outcome is not known: the handler's `ask` is called before anything is tried again. */
export class UnknownOutcomeError extends DulyError {
  constructor(message: string, details: ErrorDetails = {}) {
    super("unknown_outcome", message, details);
  }
}

/** A setting is missing or cannot be meant; thrown before anything starts. */
export class ConfigError extends DulyError {
  constructor(message: string, details: ErrorDetails = {}) {
    super("config", message, details);
  }
}
