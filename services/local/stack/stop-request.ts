import { pause } from "#shared/time/pause.ts";

/** One Ctrl-C may arrive twice: from the terminal, and passed on by npm or start.mjs. */
const SAME_MS = 500;

/** Whether, and how urgently, this process was asked to stop. */
export interface StopRequest {
  /** Aborted by the first Ctrl-C or SIGTERM, or when the process that started this one is gone. */
  readonly signal: AbortSignal;
  /** Resolves at the second. */
  readonly urgent: Promise<void>;
}

/** Listens for requests to stop for as long as this process lives. */
export function listenForStop(): StopRequest {
  const first = new AbortController();
  const { promise: urgent, resolve } = Promise.withResolvers<void>();
  let firstAt = 0;
  const onRequest = () => {
    if (!first.signal.aborted) {
      firstAt = performance.now();
      first.abort(new Error("stopped"));
    } else if (performance.now() - firstAt > SAME_MS) resolve();
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP", "disconnect"] as const) process.on(name, onRequest);
  // A closed terminal must not end the drain.
  process.stdout.on("error", onRequest);
  process.stderr.on("error", onRequest);
  return { signal: first.signal, urgent };
}

/** Resolves when a stop is requested. */
export async function untilStop({ signal }: StopRequest): Promise<void> {
  // The longest time that a timer can be set to; it is what keeps this process alive.
  while (!signal.aborted) await pause(2 ** 31 - 1, signal);
}
