import { untilDatabaseAnswers } from "../database/until-database-answers.ts";
import { DulyError } from "../errors/errors.ts";
import { GATE_BACKSTOP_MS } from "../gates/gate.ts";
import { endProbe, type ProbeResult, takeProbe } from "../gates/probe.ts";
import { gateName } from "../resilience/gate-name.ts";
import { attempt, type Ended } from "./attempt.ts";
import { failedBy } from "./breakers.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import type { Outcome } from "./outcome.ts";
import { unsent } from "./outcome-of-error.ts";
import type { Run } from "./run.ts";

/** A gate was shut between a delivery's coming and its run. */
class GateShutError extends DulyError {}

/**
 * Runs a handler, unless the breaker of something that it uses has opened by now: then its job is held as if it had come
 * later.
 *
 * One that was taken over may be the probe: its holder was, and died, or there is none.
 *
 * The run of a probe decides over its gate: a call that succeeds opens it, one that fails shuts it again and costs the
 * job no attempt, an answer of the business leaves it to the next.
 */
export async function attemptThroughGates(
  run: Run,
  probeOf: string | undefined,
  context: ConsumerContext,
): Promise<Ended> {
  if (probeOf !== undefined) return attemptAsProbe(run, probeOf, context);
  const { watch } = context.gates;
  const [shut, ...others] = (run.handler.uses ?? [])
    .map(({ name }) => gateName.breaker(name))
    .filter((gate) => watch.stateOf(gate) !== undefined);
  if (shut === undefined) return attempt(run, context);
  if (
    watch.stateOf(shut) === "probing" &&
    others.length === 0 &&
    (await takeProbe(context.db, shut, run.job))
  )
    return attemptAsProbe(run, shut, context);
  const error = new GateShutError("gate_shut", `waits for ${shut}`);
  return { run, outcome: { ...waitAt(shut, error), intent: unsent(run) } };
}

async function attemptAsProbe(run: Run, gate: string, context: ConsumerContext): Promise<Ended> {
  const found: { result: ProbeResult } = { result: "nothing" };
  const { watch, breakers } = context.gates;
  const listening: ConsumerContext["gates"]["breakers"] = {
    watch: async (uses, call) => {
      const probed = uses.filter(({ name }) => gateName.breaker(name) === gate);
      try {
        const answer = await breakers.watch(uses, call);
        found.result = "answers";
        return answer;
      } catch (error) {
        found.result = !context.hurry.aborted && failedBy(error, probed).length > 0 ? "fails" : "nothing";
        throw error;
      }
    },
  };
  const ended = await attempt(run, { ...context, gates: { watch, breakers: listening } });
  const { result } = found;
  await untilDatabaseAnswers(
    () => endProbe(context.db, { gate, jobId: run.job.id }, result),
    context.hurry,
    context.log,
  );
  context.log.info({ gate, job: run.job.id, result }, "a probe came to its end");
  return result === "fails" ? { run: ended.run, outcome: uncounted(ended.outcome, gate) } : ended;
}

// A probe spends no attempt: it was sent to find out, not because its turn had come.
function uncounted(outcome: Outcome, gate: string): Outcome {
  if (outcome.kind !== "failed" && outcome.kind !== "held") return outcome;
  return { ...waitAt(gate, outcome.error), intent: outcome.intent };
}

function waitAt(gate: string, error: Error) {
  return { kind: "held", error, waitsFor: gate, delayMs: GATE_BACKSTOP_MS } as const;
}
