import { promote } from "./rows.ts";
import type { Step } from "./search.ts";
import type { World } from "./world.ts";

/** What the promoter does, with a job that is alone in its line. Lines of several are a model of their own, line-model.ts. */
export function lineSteps(world: World): Step<World>[] {
  const rows = promote(world.rows);
  return rows === world.rows ? [] : [{ name: "the promoter sends the job", world: { ...world, rows } }];
}
