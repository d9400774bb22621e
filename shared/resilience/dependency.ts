/** When the breaker of a dependency opens, and when it is tried again. */
export interface BreakerOptions {
  /** Share of failed calls above which it opens. @default 50 */
  readonly errorPercentage: number;
  /** Calls in the window before it may open, at least 10: a few failures prove nothing. @default 10 */
  readonly volume: number;
  /** Milliseconds over which calls are counted. @default 10_000 */
  readonly windowMs: number;
  /** Milliseconds until one job is sent as the probe, and again after each probe that fails. @default 5_000 */
  readonly probeAfterMs: number;
}

/** At most so many calls in so many milliseconds, over all processes. */
export interface RateLimit {
  readonly count: number;
  readonly perMs: number;
}

/** Something outside that handlers use, and what keeps it and them from harm. */
export interface Dependency {
  readonly name: string;
  readonly breaker: BreakerOptions | undefined;
  readonly limit: RateLimit | undefined;
  /** Most calls at once from one queue of one process. */
  readonly concurrency: number | undefined;
}

/** What `dependency` takes. */
export interface DependencyOptions {
  /** `false` for none. @default a breaker with its defaults */
  readonly breaker?: Partial<BreakerOptions> | false;
  /** @default none */
  readonly limit?: RateLimit;
  /** @default none; the queue's workers */
  readonly concurrency?: number;
}

const LEAST_VOLUME = 10;
const BREAKER: BreakerOptions = {
  errorPercentage: 50,
  volume: LEAST_VOLUME,
  windowMs: 10_000,
  probeAfterMs: 5_000,
};
const LONGEST_MS = 24 * 3_600_000;

/**
 * Names something that handlers use, for their `uses`. Jobs of those handlers are held while its breaker is open, its
 * rate limit spent or its bulkhead full; no attempt is spent on that.
 *
 * @throws {TypeError} when the name or a number cannot be meant.
 */
export function dependency(name: string, options: DependencyOptions = {}): Dependency {
  const { limit, concurrency } = options;
  const breaker = options.breaker === false ? undefined : { ...BREAKER, ...options.breaker };
  const demands: readonly (readonly [boolean, string])[] = [
    [/^[a-z][a-z0-9.-]{0,62}$/.test(name), "its name must be lower-case letters, digits, dots and hyphens"],
    [
      breaker === undefined || (breaker.errorPercentage > 0 && breaker.errorPercentage < 100),
      "breaker.errorPercentage must be above 0 and below 100",
    ],
    [
      breaker === undefined || isWhole(breaker.volume, LEAST_VOLUME),
      `breaker.volume must be a whole number from ${LEAST_VOLUME}: fewer calls prove nothing`,
    ],
    [
      breaker === undefined || (isWhole(breaker.windowMs, 100) && isWhole(breaker.probeAfterMs, 100)),
      "breaker.windowMs and breaker.probeAfterMs must be whole milliseconds from 100 to a day",
    ],
    [
      limit === undefined || (isWhole(limit.count, 1) && isWhole(limit.perMs, 1)),
      "limit.count and limit.perMs must be whole numbers from 1; perMs is at most a day",
    ],
    [concurrency === undefined || isWhole(concurrency, 1), "concurrency must be a whole number from 1"],
  ];
  const missed = demands.find(([met]) => !met);
  if (missed !== undefined) throw new TypeError(`dependency "${name}": ${missed[1]}`);
  return Object.freeze({ name, breaker, limit, concurrency });
}

function isWhole(value: number, least: number): boolean {
  return Number.isInteger(value) && value >= least && value <= LONGEST_MS;
}
