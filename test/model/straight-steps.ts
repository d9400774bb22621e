import { begin } from "./consumer-steps.ts";
import { newHand, takersIn } from "./hands.ts";
import { misfortune } from "./misfortune.ts";
import type { Step } from "./search.ts";
import { recordStraight, takeStraight } from "./straight-rows.ts";
import type { Hand, Process, Setting, World } from "./world.ts";

/**
 * What consumers do with critical jobs while the broker is away, or takes nothing from a relay: they take them from the
 * outbox. A relay that publishes beside them does no harm, so they may at any time.
 */
export function straightSteps(world: World, setting: Setting): Step<World>[] {
  if (!setting.critical) return [];
  const { rows } = world;
  const free = rows.outbox.filter((row) => row.send === rows.send && !row.published);
  return free.flatMap(({ send }) =>
    takersIn(world).flatMap((process) =>
      setting.effects === undefined
        ? recordSteps(send, process, world, setting)
        : takeSteps(send, process, world, setting),
    ),
  );
}

/** There is no message to be acked, or to come again. */
function straightHand(process: Process, send: number): Hand {
  return { ...newHand(process, { send, redelivered: false }), channel: false };
}

function takeSteps(send: number, process: Process, world: World, setting: Setting): Step<World>[] {
  const hand = straightHand(process, send);
  const withIt: World = { ...world, hands: [...world.hands, hand] };
  if (setting.without.has("row and claim together")) {
    const outbox = world.rows.outbox.filter((row) => row.send !== send);
    const rows = { ...world.rows, outbox };
    return [
      { name: `${process} takes the row of send ${send}, to claim its job`, world: { ...withIt, rows } },
    ];
  }
  const { rows, taken } = takeStraight(world.rows, send, process);
  if (taken === undefined) return [];
  const next: World = { ...withIt, rows };
  return [
    { name: `${process} takes send ${send} from the outbox`, world: begin(next, hand, taken, setting) },
    ...misfortune(
      "lostCommit",
      `${process} takes send ${send} from the outbox and does not hear of it`,
      { world: next, setting },
      (same) => same,
    ),
  ];
}

function recordSteps(send: number, process: Process, world: World, setting: Setting): Step<World>[] {
  // Nobody could publish to a wait queue, so the backoff is timed in the table.
  const limits = { maxAttempts: setting.maxAttempts, onLadder: false };
  const settled = (ending: "applied" | "failed" | "held") => (before: World) => {
    const rows = recordStraight(before.rows, send, ending, limits) ?? before.rows;
    const recorded = rows.state === "completed" ? 1 : 0;
    return {
      ...before,
      rows,
      records: before.records + recorded,
      effects: before.effects + recorded,
      answers: before.answers + (ending === "held" ? 0 : 1),
    };
  };
  const name = (what: string) => `${process} ${what} send ${send} from the outbox`;
  const subject = { world, setting };
  return [
    { name: name("records"), world: settled("applied")(world) },
    ...misfortune("failed", name("fails with"), subject, settled("failed")),
    ...misfortune("unreachable", name("holds"), subject, settled("held")),
  ];
}
