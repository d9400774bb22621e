import { withHand } from "./hands.ts";
import { holdAtGate } from "./rows.ts";
import type { Step } from "./search.ts";
import type { Hand, Setting, World } from "./world.ts";

/**
 * What a consumer does with a delivery before the gate of what its handler uses: passes, as the probe too, or holds its
 * job. It passes a shut gate as well, for it hears of a change a little later.
 */
export function atGateSteps(
  hand: Hand,
  world: World,
  { gated }: Setting,
  pass: (world: World) => Step<World>[],
): Step<World>[] {
  const { state, probe } = world.gate;
  if (!gated || state === "clear" || state === "releasing") return pass(world);
  const { process, copy } = hand;
  const { rows } = world;
  const isLive = rows.send === copy.send && (rows.state === "queued" || rows.state === "retrying");
  // One that is not live is for the fence, and leaves the probe to another.
  if (state === "probing" && !probe && isLive) {
    return pass({ ...world, gate: { state, probe: true } }).map((step) => ({
      ...step,
      name: `${step.name}, as the probe`,
    }));
  }
  const holds = { name: `${process} finds the gate shut`, world: withHand(world, hand, { at: "hold" }) };
  return [holds, ...pass(world)];
}

/** The end of the transaction that has read the gate: what has become of that meanwhile it does not see. */
export function holdStep(hand: Hand, world: World): Step<World> {
  const { process, copy } = hand;
  const rows = holdAtGate(world.rows, copy.send ?? 0);
  if (rows === world.rows)
    return { name: `${process} has nothing to hold`, world: withHand(world, hand, { at: "look" }) };
  return { name: `${process} holds the job`, world: withHand({ ...world, rows }, hand, { at: "ack" }) };
}
