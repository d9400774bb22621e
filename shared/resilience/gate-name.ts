/** What a gate is shut for: a dependency that fails, a limit that is spent, people who want it so. */
export type GateKind = "breaker" | "limit" | "pause";

/** The names of gates; `waits_for` of the jobs that are held at them, so they are words for people. */
export const gateName = {
  breaker: (dependency: string) => `breaker: ${dependency}`,
  limit: (dependency: string) => `limit: ${dependency}`,
  /** No gate that is shared: a bulkhead is each queue's and process's own, but its jobs are held too. */
  bulkhead: (dependency: string) => `bulkhead: ${dependency}`,
  type: (type: string) => `pause: type ${type}`,
  queue: (queue: string) => `pause: queue ${queue}`,
} as const;

/** The kind of the gate that a job waits at; undefined when it waits for something else. */
export function gateKindOf(waitsFor: string): GateKind | undefined {
  const kind = /^(breaker|limit|pause): /.exec(waitsFor)?.[1];
  return kind as GateKind | undefined;
}
