import type { NamedFault } from "../ordered-faults.ts";
import type { Random } from "../random.ts";
import { drawTroubles, REFUSALS, type Trouble } from "./trouble.ts";

/** A one-time code or a chat message to an address that nothing else goes to, and what is to happen on its way. */
export interface Post {
  readonly kind: "code" | "message";
  /** A mail address, or a phone number in digits. */
  readonly to: string;
  /** Of a message; a code is the service's secret. */
  readonly text: string | undefined;
  /** Each costs one attempt. */
  readonly failures: readonly Trouble[];
  /** Its provider refuses it, however often it is tried. */
  readonly hopeless: boolean;
  /** Attempts beside those that a dead network or a stopped process may cost it. */
  readonly unplanned: number;
  /** When it is to be due, from when work is given. */
  readonly afterMs: number;
}

/** What a part of a round sends. */
export interface PostPlan {
  readonly codes: number;
  readonly messages: number;
  /** Seconds over which they come to be due. */
  readonly seconds: number;
  /** How many times as often as usual something is planned to go wrong; 0 is never. */
  readonly often: number;
  readonly unplanned: number;
}

const HOPELESS_SHARE = 0.01;
/** More than anything is tried. */
const ALWAYS = 1000;

/** Makes the posts of one part of a round; `series` is a number of that part alone, and so are their addresses. */
export function makePosts(series: number, plan: PostPlan, random: Random): Post[] {
  const { codes, messages, seconds, often, unplanned } = plan;
  return Array.from({ length: codes + messages }, (_, place): Post => {
    const kind = place < codes ? "code" : "message";
    const hopeless = random.chance(HOPELESS_SHARE * often);
    const failures = hopeless ? [] : drawTroubles(kind, often, random);
    const common = {
      kind,
      failures,
      hopeless,
      unplanned,
      afterMs: random.between(0, seconds * 1000),
    } as const;
    if (kind === "code") return { ...common, to: `s${series}-${place}@example.test`, text: undefined };
    const to = `1999${String(series).padStart(3, "0")}${String(place).padStart(5, "0")}`;
    return { ...common, to, text: `Grüße, message ${place} of ${series} (${random.between(0, 1_000_000)})` };
  });
}

/** The faults that its provider has to make for it, in their order. */
export function faultsFor({ kind, to, failures, hopeless }: Post): NamedFault[] {
  const planned = failures.map(({ name, fault }) => ({ name, fault: { ...fault, to, count: 1 } }));
  const { name, fault } = REFUSALS[kind];
  return hopeless ? [{ name, fault: { ...fault, to, count: ALWAYS } }] : planned;
}
