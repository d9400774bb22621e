import type { Logger } from "../log/logger.ts";
import { firstOf } from "../time/first-of.ts";
import { pause } from "../time/pause.ts";

/** How long a goodbye may take; a broker that answers does so in milliseconds. */
const LONGEST_MS = 2_000;

/**
 * Closes a channel or connection, and does not wait for a broker that no longer answers: the driver's promise never
 * ends when the socket dies meanwhile. Never throws; what was closed already is closed.
 */
export async function closeWithin(
  what: { readonly close: () => Promise<unknown> },
  gone: AbortSignal,
  log: Logger,
): Promise<void> {
  const over = new AbortController();
  using end = firstOf(gone, over.signal);
  const closing = what.close().catch((error: unknown) => log.debug({ err: error }, "closed already"));
  await Promise.race([closing, pause(LONGEST_MS, end.signal)]);
  over.abort();
}
