import { misfortune } from "./misfortune.ts";
import { unlockRows } from "./relay-steps.ts";
import { recordRejected } from "./rows.ts";
import type { Step } from "./search.ts";
import type { Copy, Process, Setting, World } from "./world.ts";

/** What may go wrong at any moment: processes killed, channels lost, messages doubled, lost or given up. */
export function faultSteps(world: World, setting: Setting): Step<World>[] {
  const subject = { world, setting };
  const processes = (["A", "B"] as const).filter((process) =>
    world.hands.some((hand) => hand.process === process),
  );
  const steps = processes.flatMap((process) => [
    ...misfortune("kill", `${process} is killed`, subject, (next) => kill(next, process)),
    ...misfortune("cut", `${process} loses its channel`, subject, (next) => cut(next, process)),
  ]);
  for (const [place, copy] of world.work.entries()) {
    const rest = world.work.filter((_, other) => other !== place);
    steps.push(
      ...misfortune("duplicate", "a message is doubled", subject, (next) => ({
        ...next,
        work: [...next.work, copy],
      })),
      ...misfortune("purge", "a message is lost", subject, (next) => ({ ...next, work: rest })),
      ...misfortune("givenUp", "the queue gives a message up", subject, (next) => ({
        ...next,
        work: rest,
        rows: copy.send === undefined ? next.rows : recordRejected(next.rows, copy.send),
      })),
    );
  }
  if (world.marker === "known" || world.marker === "early") {
    // What had been confirmed and not yet deleted is deleted; what had not is published again.
    steps.push(
      ...misfortune("wipe", "the broker loses its data", subject, wipe),
      ...misfortune("wipe", "the broker loses its data, with confirms under way", subject, (next) =>
        unlockRows(wipe(next)),
      ),
    );
  }
  return steps;
}

function kill(world: World, process: Process): World {
  const holder = world.rows.holder === process ? "gone" : world.rows.holder;
  const left = cut(world, process);
  return {
    ...left,
    rows: { ...left.rows, holder },
    hands: left.hands.filter((hand) => hand.process !== process),
  };
}

// Its unacked deliveries are anybody's again; what it has begun it goes on with.
function cut(world: World, process: Process): World {
  const lost = world.hands.filter((hand) => hand.process === process && hand.channel);
  const back: Copy[] = lost.map((hand) => ({ ...hand.copy, redelivered: true }));
  const hands = world.hands.map((hand) => (hand.process === process ? { ...hand, channel: false } : hand));
  return { ...world, work: [...world.work, ...back], hands };
}

function wipe(world: World): World {
  const hands = world.hands.map((hand) => ({ ...hand, channel: false }));
  return { ...world, work: [], waiting: [], marker: "gone", hands };
}
