/** A signal that follows others until it is disposed of. */
export interface FollowingSignal extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * A signal that is aborted with the first of some others, which keep nothing of it once it is disposed of: unlike
 * AbortSignal.any, whose result lives as long as its sources when anybody listens to it.
 */
export function firstOf(...signals: readonly AbortSignal[]): FollowingSignal {
  const own = new AbortController();
  const unfollow = () => {
    for (const signal of signals) signal.removeEventListener("abort", follow);
  };
  const follow = () => {
    unfollow();
    own.abort(signals.find(({ aborted }) => aborted)?.reason);
  };
  if (signals.some(({ aborted }) => aborted)) follow();
  else for (const signal of signals) signal.addEventListener("abort", follow, { once: true });
  return { signal: own.signal, [Symbol.dispose]: unfollow };
}
