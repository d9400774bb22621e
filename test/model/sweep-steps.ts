import { isAtWork } from "./hands.ts";
import { misfortune } from "./misfortune.ts";
import { beginIncarnation, requeueOrphans, sendStraggler } from "./rows.ts";
import type { Step } from "./search.ts";
import type { Setting, World } from "./world.ts";

/** What repairs: the sweep of orphans and stragglers, and the new incarnation after the broker lost its data. */
export function sweepSteps(world: World, setting: Setting): Step<World>[] {
  return [
    ...orphanSteps(world, setting),
    ...stragglerSteps(world, setting),
    ...incarnationSteps(world, setting),
  ];
}

// A holder that lives may be taken for dead when it is stopped for longer than its heartbeat is waited for.
function orphanSteps(world: World, setting: Setting): Step<World>[] {
  const { rows } = world;
  if (rows.state !== "running" || setting.without.has("sweep of orphans")) return [];
  const name = "the sweep sends the orphan again";
  const next = (before: World): World => ({ ...before, rows: requeueOrphans(before.rows) });
  const atWork = world.hands.some((hand) => hand.process === rows.holder && isAtWork(hand));
  if (!atWork) return [{ name, world: next(world) }];
  return misfortune("stall", `${name}, whose holder only stood still`, { world, setting }, next);
}

// Whether a message is lost or only waits cannot be seen: at worst one that waits is sent again.
function stragglerSteps(world: World, setting: Setting): Step<World>[] {
  const { rows } = world;
  const waits = rows.state === "queued" || (rows.state === "retrying" && !rows.wake);
  const inOutbox = rows.outbox.some(({ send }) => send === rows.send);
  if (!waits || inOutbox || setting.without.has("sweep of stragglers")) return [];
  const next = (before: World): World => ({ ...before, rows: sendStraggler(before.rows) });
  const somewhere = [...world.work.map(({ send }) => send), ...world.waiting].includes(rows.send);
  const inHand = world.hands.some(({ copy }) => copy.send === rows.send);
  if (!somewhere && !inHand) return [{ name: "the sweep sends the straggler", world: next(world) }];
  return misfortune("straggler", "the sweep sends what only waited", { world, setting }, next);
}

// The rows first, the marker after.
function incarnationSteps(world: World, setting: Setting): Step<World>[] {
  const { marker, rows } = world;
  const markerFirst = setting.without.has("rows before the marker");
  if (marker === "gone") {
    if (markerFirst) return [{ name: "a relay puts its marker", world: { ...world, marker: "early" } }];
    const next = { ...world, marker: "written" as const, rows: beginIncarnation(rows) };
    return [{ name: "a relay begins a new incarnation", world: next }];
  }
  if (marker === "written")
    return [{ name: "a relay puts its marker", world: { ...world, marker: "known" } }];
  if (marker === "early") {
    const next = { ...world, marker: "known" as const, rows: beginIncarnation(rows) };
    return [
      { name: "the relay begins a new incarnation", world: next },
      ...misfortune("relayDies", "the relay dies between marker and rows", { world, setting }, (left) => ({
        ...left,
        marker: "known",
      })),
    ];
  }
  return [];
}
