/**
 * How a job of a line stands: `none` not there yet · `adding` in a transaction that is still open · `blocked` · `leaving`
 * blocked, and somebody who cancels it has its row locked · `active` · `ending` active, in a transaction that settles it ·
 * `dead` a dead letter that holds its line · `done`.
 */
export type Place = "none" | "adding" | "blocked" | "leaving" | "active" | "ending" | "dead" | "done";

/** What PostgreSQL holds of one line: its jobs in their order, and the signals that are committed. */
export interface Line {
  readonly places: readonly Place[];
  readonly signals: number;
}

const ACTIVE: ReadonlySet<Place> = new Set(["active", "ending", "dead"]);
const WAITS: ReadonlySet<Place> = new Set(["blocked", "leaving"]);

/** How many jobs of a line are active; no more than one may be. */
export function activeIn(places: readonly Place[]): number {
  return places.filter((place) => ACTIVE.has(place)).length;
}

/** What a promoter does with a line: sends a job of it, or nothing, or looks again, for somebody is at its head. */
export interface Decision {
  readonly sends: number | undefined;
  readonly again: boolean;
}

/**
 * What a promoter decides, by all that is committed: the first that waits goes, if none is active.
 *
 * @param locked the head that another promoter is about to send.
 */
export function decide(places: readonly Place[], locked?: number): Decision {
  const head = places.findIndex((place) => WAITS.has(place));
  if (activeIn(places) > 0 || head < 0) return { sends: undefined, again: false };
  const isLocked = places[head] === "leaving" || head === locked;
  return isLocked ? { sends: undefined, again: true } : { sends: head, again: false };
}

/** Has the signals that were taken, and no others, replaced by what was decided. */
export function promoteLine({ places, signals }: Line, taken: number, { sends, again }: Decision): Line {
  return {
    places: sends === undefined ? places : withPlace(places, sends, "active"),
    signals: signals - taken + (again ? 1 : 0),
  };
}

/** The line after one of its jobs went on. */
export function withPlace(places: readonly Place[], at: number, place: Place): readonly Place[] {
  return places.map((other, index) => (index === at ? place : other));
}
