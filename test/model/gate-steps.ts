import { isAtWork } from "./hands.ts";
import { misfortune } from "./misfortune.ts";
import { releaseHeld } from "./rows.ts";
import type { Step } from "./search.ts";
import type { GateStand, Setting, World } from "./world.ts";

/** What becomes of a gate: somebody shuts it, the scheduler probes, releases and lets it go. */
export function gateSteps(world: World, setting: Setting): Step<World>[] {
  if (!setting.gated) return [];
  const { state, probe } = world.gate;
  const subject = { world, setting };
  const become = (name: string, gate: GateStand): Step<World> => ({ name, world: { ...world, gate } });
  const released = releaseHeld(world.rows);
  const isAwaited = released !== world.rows;
  const release: Step<World>[] = isAwaited
    ? [{ name: "the scheduler releases the job", world: { ...world, rows: released } }]
    : [];
  const shuts = misfortune("shuts", "the gate is shut", subject, (next) => ({
    ...next,
    gate: { state: "shut", probe: false },
  }));
  switch (state) {
    case "clear":
      return [
        ...shuts,
        ...(isAwaited && !setting.without.has("look for the forgotten")
          ? [become("the scheduler finds a job at an open gate", { state: "releasing", probe })]
          : []),
      ];
    case "shut":
      return [
        become("the gate may be probed", { state: "probing", probe: false }),
        become("the pause is over", { state: "releasing", probe: false }),
      ];
    case "probing":
      return probe ? [...probeSteps(world, setting, become), ...shuts] : release;
    case "releasing":
      // It looks for held jobs until it finds none; whoever holds one just then is not seen.
      return [
        ...release,
        ...shuts,
        ...(isAwaited ? [] : [become("the gate is clear", { state: "clear", probe: false })]),
      ];
  }
}

function probeSteps(
  world: World,
  { without }: Setting,
  become: (name: string, gate: GateStand) => Step<World>,
): Step<World>[] {
  const answers = become("the probe gets an answer", { state: "releasing", probe: false });
  const isOver = become("the probe's time is over", { state: "probing", probe: false });
  return [...(world.hands.some(isAtWork) ? [answers] : []), ...(without.has("next probe") ? [] : [isOver])];
}
