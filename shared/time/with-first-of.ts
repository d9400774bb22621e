/**
 * Does something with a signal that is aborted with the first of some others. These keep nothing of it afterwards, unlike
 * of the result of AbortSignal.any, which lives as long as they do once anybody has listened to it.
 */
export async function withFirstOf<T>(
  signals: readonly AbortSignal[],
  use: (first: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const follow = () => own.abort(signals.find(({ aborted }) => aborted)?.reason);
  if (signals.some(({ aborted }) => aborted)) follow();
  else for (const signal of signals) signal.addEventListener("abort", follow, { once: true });
  try {
    return await use(own.signal);
  } finally {
    for (const signal of signals) signal.removeEventListener("abort", follow);
  }
}
