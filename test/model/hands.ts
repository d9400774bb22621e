import type { Hand, Holder, World } from "./world.ts";

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
