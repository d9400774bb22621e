import { UnknownOutcomeError } from "../errors/errors.ts";

/** A run was cut short because its job is to be cancelled; it speaks against nobody. */
export class CalledOffError extends UnknownOutcomeError {}

/**
 * Runs something for at most `timeoutMs`, not past `hurry` and until it is called off; its signal is aborted then.
 *
 * Does not wait for a function that ignores its signal.
 *
 * @throws {UnknownOutcomeError} on timeout and when called off, for what it had begun may still have its effect; and
 *   whatever it throws.
 */
export async function runWithin<T>(
  timeoutMs: number,
  hurry: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
  calledOff?: AbortSignal,
): Promise<T> {
  if (hurry.aborted) throw new Error("this process stops");
  if (calledOff?.aborted === true) throw new CalledOffError("called off");
  const over = new AbortController();
  const cut = Promise.withResolvers<never>();
  const end = (error: Error) => {
    cut.reject(error); // before what the handler makes of its signal
    over.abort(error);
  };
  const timer = setTimeout(
    () => end(new UnknownOutcomeError(`not finished after ${timeoutMs} ms`)),
    timeoutMs,
  );
  const onHurry = () => end(new Error("this process stops"));
  hurry.addEventListener("abort", onHurry, { once: true });
  const onCalledOff = () => end(new CalledOffError("called off while it ran"));
  calledOff?.addEventListener("abort", onCalledOff, { once: true });
  try {
    return await Promise.race([run(over.signal), cut.promise]);
  } finally {
    clearTimeout(timer);
    hurry.removeEventListener("abort", onHurry);
    calledOff?.removeEventListener("abort", onCalledOff);
  }
}
