import type { Copy, Hand, Holder, Place, Process, World } from "./world.ts";

/** The world after one delivery went on; undefined when it is acked. Acking over a lost channel does nothing. */
export function withHand(world: World, hand: Hand, change: Partial<Hand> | undefined): World {
  const place = world.hands.indexOf(hand);
  const hands = [...world.hands];
  if (change === undefined) hands.splice(place, 1);
  else hands[place] = { ...hand, ...change };
  return { ...world, hands };
}

/** Whether a holder is certainly gone: its process was killed. */
export function isDead(world: World, holder: Holder | undefined): boolean {
  return (
    holder === "gone" ||
    !world.hands.some((hand) => hand.process === holder && hand.claim > 0 && hand.at !== "ack")
  );
}

const NOT_AT_WORK: ReadonlySet<Place> = new Set(["hold", "take", "look", "takeOver", "ack"]);

/** Whether a delivery is between its claim and the end of its settling. */
export function isAtWork({ at }: Hand): boolean {
  return !NOT_AT_WORK.has(at);
}

/** The processes that may take something; one of them where they cannot be told apart. */
export function takersIn({ hands, rows }: World): readonly Process[] {
  const isNobodyAtWork = hands.length === 0 && rows.holder !== "A" && rows.holder !== "B";
  return isNobodyAtWork ? ["A"] : ["A", "B"];
}

/** A delivery that a process has just got. */
export function newHand(process: Process, copy: Copy): Hand {
  return {
    process,
    copy,
    channel: true,
    at: "take",
    claim: 0,
    number: 0,
    before: undefined,
    inDoubt: false,
    over: false,
    ending: undefined,
  };
}
