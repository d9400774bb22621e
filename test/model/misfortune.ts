import type { Step } from "./search.ts";
import type { Fault, Setting, World } from "./world.ts";

/** The step by which something goes wrong, as long as this setting and what is left of its misfortunes allow it. */
export function misfortune(
  fault: Fault,
  name: string,
  { world, setting }: { readonly world: World; readonly setting: Setting },
  next: (world: World) => World,
): Step<World>[] {
  if (world.faults === 0 || !setting.faults.includes(fault)) return [];
  return [{ name, world: next({ ...world, faults: world.faults - 1 }), fault: true }];
}
