import type { GateKind } from "../resilience/gate-name.ts";

/**
 * Where a gate stands: `clear` jobs pass · `shut` they are held · `probing` one of them finds out whether the rest may
 * pass · `releasing` they pass, and those held are sent on a ramp.
 */
export type GateState = "clear" | "shut" | "probing" | "releasing";

/** A gate as consumers read it. */
export interface Gate {
  readonly name: string;
  readonly kind: GateKind;
  readonly state: GateState;
  /** The job that finds out whether a breaker may close. */
  readonly probe: string | null;
}

/** The longest that a job waits at a gate before it looks again by itself, should its release be lost. */
export const GATE_BACKSTOP_MS = 3_600_000;
