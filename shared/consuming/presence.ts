import { beat, type HeartbeatOptions, keepBeating, signOff } from "./heartbeat.ts";

/** A process that others see in `duly.consumers`. */
export interface Presence {
  /** Resolves when a sign-off that `hurry` began is through; at once before that. */
  readonly signingOff: () => Promise<void>;
  /** Ends the heartbeat and signs off. */
  readonly end: () => Promise<void>;
}

/**
 * Shows this process in `duly.consumers`: the first heartbeat is written when this resolves.
 *
 * Signs off on `hurry`, for whoever gets an unfinished delivery next must see that its holder is gone, so that it takes
 * it over at once.
 */
export async function becomePresent(heartbeat: HeartbeatOptions, hurry: AbortSignal): Promise<Presence> {
  await beat(heartbeat);
  const over = new AbortController();
  const beating = keepBeating(heartbeat, over.signal);
  const leave = () =>
    signOff(heartbeat).catch((error: unknown) =>
      heartbeat.log.warn({ err: error }, "could not sign off; the sweep will notice"),
    );
  let signedOff = Promise.resolve();
  const onHurry = () => {
    signedOff = leave();
  };
  hurry.addEventListener("abort", onHurry, { once: true });
  const end = async () => {
    over.abort();
    await beating;
    await leave();
  };
  return { signingOff: () => signedOff, end };
}
