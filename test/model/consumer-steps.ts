import { atGateSteps, holdStep } from "./at-gate-steps.ts";
import { isDead, newHand, takersIn, withHand } from "./hands.ts";
import { misfortune } from "./misfortune.ts";
import { performSteps } from "./perform-steps.ts";
import { record, replayLetter, type Taken, takeJob, takeOver } from "./rows.ts";
import type { Step } from "./search.ts";
import type { Hand, Process, Setting, World } from "./world.ts";

/** What the consumers do: get a delivery, take its job or find it stale, run, settle, ack. */
export function consumerSteps(world: World, setting: Setting): Step<World>[] {
  const got = world.work.flatMap((copy, place) =>
    takersIn(world).map((process) => deliver(world, process, place, copy.send)),
  );
  return [...got, ...world.hands.flatMap((hand) => stepsOf(hand, world, setting))];
}

function deliver(world: World, process: Process, place: number, send: number | undefined): Step<World> {
  const copy = world.work[place];
  if (copy === undefined) throw new RangeError(`the queue has no message ${place}`);
  const hand = newHand(process, copy);
  return {
    name: `${process} gets ${send === undefined ? "a parked copy" : `send ${send}`}`,
    world: {
      ...world,
      work: world.work.filter((_, other) => other !== place),
      hands: [...world.hands, hand],
    },
  };
}

function stepsOf(hand: Hand, world: World, setting: Setting): Step<World>[] {
  switch (hand.at) {
    case "hold":
      return [holdStep(hand, world)];
    case "take":
      if (hand.copy.send === undefined) return [replay(hand, world)];
      return atGateSteps(hand, world, setting, (there) =>
        setting.effects === undefined ? recordSteps(hand, there, setting) : takeSteps(hand, there, setting),
      );
    case "look":
      return lookSteps(hand, world, setting);
    case "takeOver":
      return takeOverSteps(hand, world, setting);
    case "ack":
      return [{ name: `${hand.process} acks`, world: withHand(world, hand, undefined) }];
    default:
      return performSteps(hand, world, setting);
  }
}

function replay(hand: Hand, world: World): Step<World> {
  const rows = replayLetter(world.rows);
  const answers = rows === world.rows ? world.answers : 0;
  const next = { ...world, rows, answers };
  return { name: `${hand.process} replays the letter`, world: withHand(next, hand, { at: "ack" }) };
}

function takeSteps(hand: Hand, world: World, setting: Setting): Step<World>[] {
  const { process } = hand;
  const send = setting.without.has("send fence") ? world.rows.send : (hand.copy.send ?? 0);
  const { rows, taken } = takeJob(world.rows, send, process);
  if (taken === undefined)
    return [{ name: `${process} finds no live job`, world: withHand(world, hand, { at: "look" }) }];
  const next = { ...world, rows };
  return [
    { name: `${process} takes the job`, world: begin(next, hand, taken, setting) },
    ...misfortune(
      "lostCommit",
      `${process} takes the job and does not hear of it`,
      { world: next, setting },
      (same) => same,
    ),
  ];
}

// Two statements: between the look and the claim anything may happen.
function lookSteps(hand: Hand, world: World, setting: Setting): Step<World>[] {
  const { process, copy } = hand;
  const { rows } = world;
  const ours = rows.holder === process;
  const twice = world.hands.some((other) => other !== hand && other.process === process);
  const stale = rows.state !== "running" || rows.send !== copy.send;
  if (stale || twice || !(copy.redelivered || ours || setting.without.has("redelivered")))
    return [{ name: `${process} finds it stale`, world: withHand(world, hand, { at: "ack" }) }];
  const claim = {
    name: `${process} means to take over`,
    world: withHand(world, hand, { at: "takeOver", claim: rows.claim }),
  };
  if (setting.effects === "keyed" || ours) return [claim];
  const leave = { name: `${process} leaves it to its holder`, world: withHand(world, hand, { at: "ack" }) };
  if (isDead(world, rows.holder)) return [claim, leave];
  const taken = withHand(world, hand, { at: "takeOver", claim: rows.claim });
  return [
    leave,
    ...misfortune("stall", `${process} finds the holder silent`, { world: taken, setting }, (same) => same),
  ];
}

function takeOverSteps(hand: Hand, world: World, setting: Setting): Step<World>[] {
  const { process, copy } = hand;
  const wanted = { send: copy.send ?? 0, claim: hand.claim, holder: process };
  const { rows, taken } = takeOver(world.rows, wanted);
  if (taken === undefined)
    return [{ name: `${process} comes too late`, world: withHand(world, hand, { at: "ack" }) }];
  return [{ name: `${process} takes the job over`, world: begin({ ...world, rows }, hand, taken, setting) }];
}

/** What `attempt` decides before it calls anybody. */
export function begin(world: World, hand: Hand, taken: Taken, setting: Setting): World {
  const { claim, number, over } = taken;
  const before = setting.without.has("intent before the call") ? undefined : taken.before;
  const inDoubt = before !== undefined && before !== "unsent";
  const run = { claim, number, before, inDoubt, over };
  if (before === "applied" && taken.receipt) {
    return withHand(counted(world), hand, { ...run, at: "settle", ending: { kind: "applied" } });
  }
  if (inDoubt && setting.ask !== undefined) return withHand(world, hand, { ...run, at: "ask" });
  if (inDoubt && (over || setting.effects === "atMostOnce")) {
    return withHand(counted(world), hand, {
      ...run,
      at: "settle",
      ending: { kind: "dead", intent: "unknown" },
    });
  }
  if (over) return withHand(world, hand, { ...run, at: "settle", ending: { kind: "cancelled" } });
  return withHand(world, hand, { ...run, at: "call" });
}

function counted(world: World): World {
  return { ...world, answers: world.answers + 1 };
}

function recordSteps(hand: Hand, world: World, setting: Setting): Step<World>[] {
  const { process, copy } = hand;
  const send = setting.without.has("send fence") ? world.rows.send : (copy.send ?? 0);
  const settled =
    (ending: "applied" | "failed" | "held", onLadder = false) =>
    (before: World): World => {
      const rows = record(before.rows, send, ending, { maxAttempts: setting.maxAttempts, onLadder });
      if (rows === undefined) return withHand(before, hand, { at: "ack" });
      const recorded = rows.state === "completed" ? 1 : 0;
      const next = {
        ...before,
        rows,
        records: before.records + recorded,
        effects: before.effects + recorded,
        answers: before.answers + (ending === "held" ? 0 : 1),
      };
      return withHand(next, hand, { at: "ack" });
    };
  const subject = { world, setting };
  return [
    { name: `${process} records`, world: settled("applied")(world) },
    ...misfortune("lostCommit", `${process} records and does not hear of it`, subject, (before) => ({
      ...settled("applied")(before),
      hands: before.hands,
    })),
    ...misfortune("failed", `${process} fails, back over the ladder`, subject, settled("failed", true)),
    ...misfortune("failed", `${process} fails, back over the table`, subject, settled("failed")),
    ...misfortune("unreachable", `${process} holds the job`, subject, settled("held")),
  ];
}
