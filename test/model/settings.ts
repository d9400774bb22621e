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
  keyed: false,
  gated: false,
  critical: false,
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

/** What has to do with processes that die and messages that are lost, and not with what a provider may say. */
const OF_DELIVERY: readonly Fault[] = [
  "kill",
  "cut",
  "lostCommit",
  "relayDies",
  "duplicate",
  "wipe",
  "drain",
  "straggler",
  "failed",
  "unreachable",
];

/** Roads that only some jobs go, each beside what may cross it there: all of it at once would be too many worlds. */
export const ROADS: Readonly<Record<string, Setting>> = {
  "critical, past the broker": {
    ...base,
    effects: "keyed",
    ask: undefined,
    faults: OF_DELIVERY,
    critical: true,
  },
  "critical, past the broker, at most once": {
    ...base,
    effects: "atMostOnce",
    ask: undefined,
    faults: OF_DELIVERY,
    critical: true,
  },
  "critical, past the broker, with database effects": {
    ...base,
    effects: undefined,
    ask: undefined,
    critical: true,
    people: ["cancel"],
  },
  "behind a gate": {
    ...base,
    effects: "keyed",
    ask: undefined,
    faults: ["kill", "cut", "lostCommit", "relayDies", "drain", "timeout", "shuts"],
    gated: true,
  },
  "behind a gate, with database effects": {
    ...base,
    effects: undefined,
    ask: undefined,
    faults: [...OF_DELIVERY, "shuts"],
    gated: true,
    expires: true,
  },
  "with an ordering key": {
    ...base,
    effects: "keyed",
    ask: undefined,
    faults: ["kill", "relayDies", "wipe", "failed", "unreachable"],
    keyed: true,
    people: ["replay"],
  },
  "with an ordering key and database effects": {
    ...base,
    effects: undefined,
    ask: undefined,
    faults: OF_DELIVERY,
    keyed: true,
    expires: true,
    people: ["cancel", "replay"],
  },
};

/** A setting in which a move is left out or bent. */
export function bent(name: string, change: Partial<Setting>, ...without: readonly string[]): Setting {
  const setting = SETTINGS[name] ?? ROADS[name];
  if (setting === undefined) throw new RangeError(`there is no setting "${name}"`);
  return { ...setting, ...change, without: new Set(without) };
}
