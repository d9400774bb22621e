import { expire, fireDue } from "./rows.ts";
import type { Step } from "./search.ts";
import type { Rows, World } from "./world.ts";

/**
 * What the scheduler does at its times. Any timer may run out at any moment: safety must not depend on it. But that of a
 * job at a gate is a backstop of an hour, and nothing may need it.
 */
export function schedulerSteps(world: World): Step<World>[] {
  const { rows } = world;
  const steps: Step<World>[] = [];
  const add = (name: string, next: Rows) => steps.push({ name, world: { ...world, rows: next } });
  if (rows.wake && !rows.atGate) add("the scheduler sends the due job", fireDue(rows));
  if (rows.expiry === "due") add("the scheduler looks at the expired job", expire(rows));
  return steps;
}
