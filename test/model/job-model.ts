import { consumerSteps } from "./consumer-steps.ts";
import { encode, simplify } from "./encode.ts";
import { faultSteps } from "./fault-steps.ts";
import { gateSteps } from "./gate-steps.ts";
import { lineSteps } from "./line-steps.ts";
import { peopleSteps } from "./people-steps.ts";
import { brokenPromise } from "./promises.ts";
import { providerSteps } from "./provider-steps.ts";
import { relaySteps } from "./relay-steps.ts";
import { enqueue } from "./rows.ts";
import { schedulerSteps } from "./scheduler-steps.ts";
import type { Model } from "./search.ts";
import { straightSteps } from "./straight-steps.ts";
import { sweepSteps } from "./sweep-steps.ts";
import type { Setting, World } from "./world.ts";

const movers = [
  relaySteps,
  schedulerSteps,
  lineSteps,
  gateSteps,
  consumerSteps,
  straightSteps,
  providerSteps,
  sweepSteps,
  peopleSteps,
  faultSteps,
];

/** One job with everything that can happen to it, as a model to be searched. */
export function jobModel(setting: Setting): Model<World> {
  return {
    initial: (["now", "later"] as const).map((when) => begin(when, setting)),
    steps: (world) =>
      movers.flatMap((steps) =>
        steps(world, setting).map((step) => ({ ...step, world: simplify(step.world, setting) })),
      ),
    encode: (world) => encode(world, setting),
    broken: (world) => brokenPromise(world, setting),
    isDone: ({ rows }) => ["completed", "dead_lettered", "cancelled"].includes(rows.state),
  };
}

function begin(when: "now" | "later", setting: Setting): World {
  return {
    rows: enqueue(when, setting.expires, setting.keyed),
    work: [],
    waiting: [],
    marker: "known",
    gate: { state: "clear", probe: false },
    hands: [],
    requests: [],
    keys: [],
    effects: 0,
    records: 0,
    answers: 0,
    faults: setting.faultCount,
    done: [],
  };
}
