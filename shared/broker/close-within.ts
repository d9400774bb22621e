import type { Logger } from "../log/logger.ts";
import { pause } from "../time/pause.ts";
import { withFirstOf } from "../time/with-first-of.ts";

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
  const closing = what.close().catch((error: unknown) => log.debug({ err: error }, "closed already"));
  await withFirstOf([gone, over.signal], (end) =>
    Promise.race([closing.then(() => over.abort()), pause(LONGEST_MS, end)]),
  );
}
