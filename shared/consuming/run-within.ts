import { UnknownOutcomeError } from "../errors/errors.ts";

/**
 * Runs something for at most `timeoutMs`, and not past `hurry`; its signal is aborted then.
 *
 * Does not wait for a function that ignores its signal.
 *
 * @throws {UnknownOutcomeError} on timeout, for what it had begun may still have its effect; and whatever it throws.
 */
export async function runWithin<T>(
  timeoutMs: number,
  hurry: AbortSignal,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (hurry.aborted) throw new Error("this process stops");
  const over = new AbortController();
  const cut = Promise.withResolvers<never>();
  const end = (error: Error) => {
    over.abort(error);
    cut.reject(error);
  };
  const timer = setTimeout(
    () => end(new UnknownOutcomeError(`not finished after ${timeoutMs} ms`)),
    timeoutMs,
  );
  const onHurry = () => end(new Error("this process stops"));
  hurry.addEventListener("abort", onHurry, { once: true });
  try {
    return await Promise.race([run(over.signal), cut.promise]);
  } finally {
    clearTimeout(timer);
    hurry.removeEventListener("abort", onHurry);
  }
}
