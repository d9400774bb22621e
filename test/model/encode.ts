import { takersIn } from "./hands.ts";
import type { Hand, Process, Setting, World } from "./world.ts";

const PLACES_BEFORE_CLAIM: ReadonlySet<string> = new Set(["hold", "take", "look", "takeOver"]);
const FINAL: ReadonlySet<string> = new Set(["completed", "dead_lettered", "cancelled"]);

/**
 * Leaves out what can make no difference any more: copies and rows of an earlier send, which the fence drops whoever
 * gets them, and deliveries in hand whose ack would have no effect. Not for a model whose fences are bent.
 */
export function simplify(world: World, setting: Setting): World {
  if (isFenceBent(setting)) return world;
  const { rows } = world;
  const over = FINAL.has(rows.state) && !(rows.letter === "open" && setting.people.includes("replay"));
  const isCurrent = (send: number | undefined) => !over && (send === undefined || send === rows.send);
  return {
    ...world,
    rows: { ...rows, outbox: rows.outbox.filter(({ send }) => isCurrent(send)) },
    work: world.work.filter(({ send }) => isCurrent(send)),
    waiting: world.waiting.filter(isCurrent),
    hands: world.hands.filter((hand) => {
      const current = isCurrent(hand.copy.send);
      if (hand.at === "ack") return current && hand.channel;
      if (PLACES_BEFORE_CLAIM.has(hand.at)) return current;
      return true;
    }),
  };
}

/**
 * Two worlds with one code go on alike: order within a queue and among hands means nothing, numbers of sends and claims
 * matter only as the present one or an earlier one, and the two processes may change names.
 */
export function encode(world: World, setting: Setting): string {
  const straight = encodeAs(world, setting, { A: "A", B: "B" });
  if (takersIn(world).length === 1) return straight;
  const crossed = encodeAs(world, setting, { A: "B", B: "A" });
  return straight < crossed ? straight : crossed;
}

function encodeAs(world: World, setting: Setting, names: Record<Process, string>): string {
  const { rows } = world;
  const relative = !isFenceBent(setting);
  const send = (number: number | undefined) =>
    number === undefined ? "l" : relative ? rows.send - number : number;
  const claim = (number: number) => (relative ? Math.sign(rows.claim - number) : number);
  const holder = rows.holder === "A" || rows.holder === "B" ? names[rows.holder] : rows.holder;
  const encodeHand = (hand: Hand): string => {
    const { process, copy, at, ending } = hand;
    const end = ending === undefined ? "" : ending.kind + ("intent" in ending ? ending.intent : "");
    const flags = `${copy.redelivered ? "r" : ""}${hand.channel ? "c" : ""}${hand.inDoubt ? "d" : ""}${hand.over ? "o" : ""}`;
    const due = at === "wait" && world.requests.some((request) => request.claim === hand.claim) ? "!" : "";
    return `${names[process]}${send(copy.send)}${flags}${at}${due}${claim(hand.claim)}.${hand.number}${hand.before}${end}`;
  };
  return [
    rows.state,
    holder,
    rows.attempt,
    world.answers - rows.attempt,
    `${rows.wake}${rows.cancelRequested}${rows.expiry}${rows.expired}${rows.letter}${world.marker}`,
    rows.atGate || world.gate.state !== "clear" ? `${rows.atGate}${world.gate.state}${world.gate.probe}` : "",
    `${world.effects}${world.records}${world.faults}`,
    relative ? "" : `${rows.send}.${rows.claim}`,
    rows.intents.map(({ outcome, receipt }) => `${outcome}${receipt ? "!" : ""}`).join(),
    codes(rows.outbox, (row) => `${send(row.send)}${row.wait ? "w" : ""}${row.published ? "p" : ""}`),
    codes(world.work, (copy) => `${send(copy.send)}${copy.redelivered ? "r" : ""}`),
    codes(world.waiting, (number) => `${send(number)}`),
    codes(world.hands, encodeHand),
    codes(
      world.requests,
      (request) => `${request.number}${claim(request.claim)}${hears(world, request.claim)}`,
    ),
    world.keys.join(),
    world.done.join(),
  ].join("|");
}

function hears(world: World, claim: number): string {
  return world.hands.some((hand) => hand.at === "wait" && hand.claim === claim) ? "" : "x";
}

function codes<T>(items: readonly T[], code: (item: T) => string): string {
  return items.map(code).sort().join();
}

function isFenceBent({ without }: Setting): boolean {
  return ["send fence", "claim fence", "delete by id"].some((fence) => without.has(fence));
}
