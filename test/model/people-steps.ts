import { cancel } from "./rows.ts";
import type { Step } from "./search.ts";
import type { Setting, World } from "./world.ts";

/** What people and the clock do: an expiry passes, a job is called off, a parked copy is moved back to a work queue. */
export function peopleSteps(world: World, setting: Setting): Step<World>[] {
  const { rows } = world;
  const steps: Step<World>[] = [];
  if (rows.expiry === "ahead") {
    const expired = { ...rows, expiry: "due", expired: true } as const;
    steps.push({ name: "the job's time is over", world: { ...world, rows: expired }, fault: true });
  }
  if (setting.people.includes("replay") && !world.done.includes("replay") && rows.letter === "open") {
    const work = [...world.work, { send: undefined, redelivered: false }];
    steps.push({
      name: "somebody moves the parked copy back",
      world: { ...world, work, done: [...world.done, "replay"] },
      fault: true,
    });
  }
  if (setting.people.includes("cancel") && !world.done.includes("cancel")) {
    const next = { ...world, rows: cancel(rows), done: [...world.done, "cancel" as const] };
    steps.push({ name: "somebody cancels the job", world: next, fault: true });
  }
  return steps;
}
