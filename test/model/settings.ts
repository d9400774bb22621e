import type { Fault, Setting } from "./world.ts";

/** Everything that may go wrong. */
const EVERY_FAULT: readonly Fault[] = [
  "kill",
  "cut",
  "stall",
  "lostCommit",
  "relayDies",
  "duplicate",
  "purge",
  "wipe",
  "drain",
  "givenUp",
  "straggler",
  "timeout",
  "unreachable",
  "refused",
  "permanent",
  "failed",
  "cannotTell",
  "recordThrows",
];

/** Misfortunes per job: two show every bug known so far; three take minutes (DULY_MODEL_FAULTS=3). */
const FAULT_COUNT = Number(process.env["DULY_MODEL_FAULTS"] ?? 2);

const base: Omit<Setting, "effects" | "ask"> = {
  maxAttempts: 2,
  faults: EVERY_FAULT,
  faultCount: FAULT_COUNT,
  expires: false,
  people: [],
  without: new Set(),
};

/** The kinds of handlers, each with everything that may happen to a job of it. */
export const SETTINGS: Readonly<Record<string, Setting>> = {
  "keyed, asks a provider that remembers refusals": { ...base, effects: "keyed", ask: "closes" },
  "keyed, asks a provider that only knows effects": { ...base, effects: "keyed", ask: "plain" },
  "keyed, asks and makes the key void": { ...base, effects: "keyed", ask: "voids", people: ["cancel"] },
  "keyed, cannot ask": { ...base, effects: "keyed", ask: undefined, expires: true },
  "at least once": { ...base, effects: "atLeastOnce", ask: undefined, people: ["cancel"] },
  "at most once": { ...base, effects: "atMostOnce", ask: undefined, expires: true },
  "at most once, asks": { ...base, effects: "atMostOnce", ask: "plain" },
  "database effects": { ...base, effects: undefined, ask: undefined, expires: true, people: ["cancel"] },
};

/** A setting in which a move is left out or bent. */
export function bent(name: string, change: Partial<Setting>, ...without: readonly string[]): Setting {
  const setting = SETTINGS[name];
  if (setting === undefined) throw new RangeError(`there is no setting "${name}"`);
  return { ...setting, ...change, without: new Set(without) };
}
