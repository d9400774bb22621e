import { misfortune } from "./misfortune.ts";
import type { Step } from "./search.ts";
import type { Ending, Hand, Request, Setting, World } from "./world.ts";

type Answer = "applied" | "refused" | "permanent" | "failed";

/**
 * What the provider does with the calls that reach it, in any order and however late.
 *
 * A keyed one remembers its first answer to a key, refusals included, and repeats it; others do what they are told.
 */
export function providerSteps(world: World, setting: Setting): Step<World>[] {
  return world.requests.flatMap((request, place) => {
    if (world.requests.findIndex((other) => same(other, request)) !== place) return [];
    const known = setting.effects === "keyed" ? world.keys[request.number - 1] : undefined;
    if (known !== undefined) {
      return [
        {
          name: `the provider repeats its answer to key ${request.number}`,
          world: answer(world, request, known, setting),
        },
      ];
    }
    const subject = { world, setting };
    const name = (what: string) => `the provider ${what} key ${request.number}`;
    return [
      { name: name("applies"), world: answer(world, request, "applied", setting) },
      ...misfortune("refused", name("refuses"), subject, (next) => answer(next, request, "refused", setting)),
      ...misfortune("permanent", name("refuses for good"), subject, (next) =>
        answer(next, request, "permanent", setting),
      ),
      ...misfortune("failed", name("fails, before its effect,"), subject, (next) =>
        answer(next, request, "failed", setting, "refused"),
      ),
      ...misfortune("failed", name("fails, after its effect,"), subject, (next) =>
        answer(next, request, "failed", setting, "applied"),
      ),
    ];
  });
}

function answer(
  world: World,
  request: Request,
  told: Answer,
  setting: Setting,
  done?: "applied" | "refused",
): World {
  const became = done ?? (told === "applied" ? "applied" : "refused");
  const first = world.keys[request.number - 1] === undefined || setting.effects !== "keyed";
  const keys = [...world.keys];
  if (world.keys[request.number - 1] !== "applied") keys[request.number - 1] = became;
  const place = world.requests.findIndex((other) => same(other, request));
  const waits = world.hands.some((hand) => waitsFor(hand, request));
  return {
    ...world,
    keys: Array.from(keys, (key) => key),
    effects: world.effects + (became === "applied" && first ? 1 : 0),
    requests: world.requests.filter((_, other) => other !== place),
    answers: world.answers + (waits ? 1 : 0),
    hands: world.hands.map((hand) =>
      waitsFor(hand, request) ? { ...hand, at: "settle", ending: ending(hand, told, setting) } : hand,
    ),
  };
}

// What a later call says of itself says nothing of an earlier one in doubt, unless both had the same key.
function ending(hand: Hand, told: Answer, setting: Setting): Ending {
  const refused = hand.inDoubt && setting.effects !== "keyed" ? "unknown" : "refused";
  if (told === "applied") return { kind: "applied" };
  if (told === "permanent") return { kind: "dead", intent: refused };
  if (told === "refused") return { kind: "failed", intent: refused };
  return setting.effects === "atMostOnce"
    ? { kind: "dead", intent: "unknown" }
    : { kind: "failed", intent: "answered" };
}

function waitsFor(hand: Hand, request: Request): boolean {
  return hand.at === "wait" && hand.claim === request.claim && hand.number === request.number;
}

function same(one: Request, other: Request): boolean {
  return one.number === other.number && one.claim === other.claim;
}
