import { withHand } from "./hands.ts";
import { misfortune } from "./misfortune.ts";
import { giveBack, keepReceipt, nextIntent, settle } from "./rows.ts";
import type { Step } from "./search.ts";
import type { Ending, Hand, Setting, World } from "./world.ts";

/** A run of a handler with an outside effect, from its claim to its settling. */
export function performSteps(hand: Hand, world: World, setting: Setting): Step<World>[] {
  const drains = misfortune("drain", `${hand.process} stops in the middle`, { world, setting }, (next) =>
    drain(next, hand, setting),
  );
  return hand.at === "settle" || hand.at === "keep"
    ? stepsAt(hand, world, setting)
    : [...stepsAt(hand, world, setting), ...drains];
}

// The job is given back, and the delivery with it; over a lost channel it has come to others, or was lost.
function drain(world: World, hand: Hand, setting: Setting): World {
  const begun = hand.at !== "call" || hand.inDoubt;
  const sameSend = setting.without.has("next send of what is given back");
  const again = !sameSend && !hand.channel;
  const rows = giveBack(world.rows, hand, { begun, again });
  const { copy, channel } = hand;
  const work = channel ? [...world.work, { ...copy, redelivered: true }] : world.work;
  return withHand({ ...world, rows, work }, hand, undefined);
}

function stepsAt(hand: Hand, world: World, setting: Setting): Step<World>[] {
  switch (hand.at) {
    case "ask":
    case "askAfter":
      return askSteps(hand, world, setting);
    case "open":
      return [openIntent(hand, world)];
    case "call":
      return callSteps(hand, world, setting);
    case "wait":
      return [
        ...misfortune("timeout", `${hand.process} hears nothing in time`, { world, setting }, (next) =>
          onTimeout(next, hand, setting),
        ),
        ...(world.rows.cancelRequested
          ? [{ name: `${hand.process} is called off`, world: onTimeout(world, hand, setting) }]
          : []),
      ];
    case "keep":
      return [keep(hand, world)];
    case "settle":
      return settleSteps(hand, world, setting);
    default:
      throw new RangeError(`nothing is performed at ${hand.at}`);
  }
}

function callSteps(hand: Hand, world: World, setting: Setting): Step<World>[] {
  const { process, number, claim } = hand;
  const requests = [...world.requests, { number, claim }];
  const unsent = hand.inDoubt ? (hand.before ?? "unknown") : "unsent";
  return [
    {
      name: `${process} calls with key ${number}`,
      world: withHand({ ...world, requests }, hand, { at: "wait" }),
    },
    ...misfortune("unreachable", `${process} reaches nobody`, { world, setting }, (next) =>
      withHand(next, hand, { at: "settle", ending: { kind: "held", intent: unsent } }),
    ),
  ];
}

// The request left, and nobody answered: it counts once it is known to have failed, or at once where nobody can be asked.
function onTimeout(world: World, hand: Hand, setting: Setting): World {
  const counted = { ...world, answers: world.answers + 1 };
  if (setting.ask !== undefined) return withHand(counted, hand, { at: "askAfter" });
  const ending: Ending =
    setting.effects === "atMostOnce"
      ? { kind: "dead", intent: "unknown" }
      : { kind: "failed", intent: "unknown" };
  return withHand(counted, hand, { at: "settle", ending });
}

function askSteps(hand: Hand, world: World, setting: Setting): Step<World>[] {
  const { process, number, before } = hand;
  const doubt = hand.at === "askAfter" ? "doubtful" : (before ?? "unknown");
  const subject = { world, setting };
  const cannotTell = misfortune("cannotTell", `${process} asks and learns nothing`, subject, (next) =>
    withHand(next, hand, { at: "settle", ending: { kind: "held", intent: doubt } }),
  );
  const known = world.keys[number - 1];
  if (known === "applied") {
    const counted = { ...world, answers: world.answers + 1 };
    return [
      {
        name: `${process} asks: applied`,
        world: withHand(counted, hand, { at: "settle", ending: { kind: "applied" } }),
      },
      ...cannotTell,
    ];
  }
  const closed = setting.ask === "voids" || (setting.ask === "closes" && known === "refused");
  const keys = [...world.keys];
  if (setting.ask === "voids") keys[number - 1] = "refused";
  const next = hand.at === "askAfter" ? failedAfter(closed, setting) : afterNone(hand, closed, setting);
  // Given up for good counts once; after its own call the run has counted already.
  const answers = world.answers + (next === inDoubt && hand.at === "ask" ? 1 : 0);
  const asked = { ...world, answers, keys: Array.from(keys, (key) => key) };
  return [
    { name: `${process} asks: none${closed ? ", closed" : ""}`, world: withHand(asked, hand, next) },
    ...cannotTell,
  ];
}

function failedAfter(closed: boolean, setting: Setting): Partial<Hand> {
  return mayStillCome(closed, setting) ? inDoubt : failed(closed);
}

const inDoubt: Partial<Hand> = { at: "settle", ending: { kind: "dead", intent: "unknown" } };

// Without a key nothing keeps a call that is still on its way from a second effect.
function mayStillCome(closed: boolean, { effects, without }: Setting): boolean {
  return effects === "atMostOnce" && !closed && !without.has("doubt after none");
}

function failed(closed: boolean): Partial<Hand> {
  return { at: "settle", ending: { kind: "failed", intent: closed ? "refused" : "unknown" } };
}

function afterNone({ over, before }: Hand, closed: boolean, setting: Setting): Partial<Hand> {
  if (mayStillCome(closed, setting)) return inDoubt;
  if (over) return { at: "settle", ending: { kind: "cancelled" } };
  if (before === "doubtful") return failed(closed);
  if (!closed && before !== "answered" && !setting.without.has("same key after none")) return { at: "call" };
  return { at: "open" };
}

function openIntent(hand: Hand, world: World): Step<World> {
  const { process } = hand;
  const { rows, number } = nextIntent(world.rows, hand.claim, hand.number);
  if (number === undefined)
    return { name: `${process} has lost its claim`, world: withHand(world, hand, { at: "ack" }) };
  const run = { at: "call", number, inDoubt: false } as const;
  return { name: `${process} opens key ${number}`, world: withHand({ ...world, rows }, hand, run) };
}

function keep(hand: Hand, world: World): Step<World> {
  const rows = keepReceipt(world.rows, hand.number);
  const next = { ...world, rows };
  const run = { at: "settle", ending: { kind: "failed", intent: "applied" } } as const;
  return { name: `${hand.process} keeps the receipt`, world: withHand(next, hand, run) };
}

function settleSteps(hand: Hand, world: World, setting: Setting): Step<World>[] {
  const { process, ending } = hand;
  if (ending === undefined) throw new TypeError("a run that is settled has ended somehow");
  const settled = (onLadder: boolean): World => {
    const claim = setting.without.has("claim fence") ? world.rows.claim : hand.claim;
    const limits = { maxAttempts: setting.maxAttempts, onLadder, asks: setting.ask !== undefined };
    const rows = settle(world.rows, { claim, number: hand.number }, ending, limits);
    if (rows === undefined) return withHand(world, hand, { at: "ack" });
    const records = world.records + (rows.state === "completed" ? 1 : 0);
    return withHand({ ...world, rows, records }, hand, { at: "ack" });
  };
  const steps = [{ name: `${process} settles: ${ending.kind}`, world: settled(false) }];
  if (ending.kind === "failed")
    steps.push({ name: `${process} settles: failed, over the ladder`, world: settled(true) });
  if (ending.kind !== "applied") return steps;
  return [
    ...steps,
    ...misfortune("recordThrows", `${process} cannot record`, { world, setting }, (next) =>
      withHand({ ...next, answers: next.answers + 1 }, hand, { at: "keep" }),
    ),
  ];
}
