import type { Database } from "../database/database.ts";
import { isDatabaseFault } from "../database/database-fault.ts";
import { Interrupted, untilDatabaseAnswers } from "../database/until-database-answers.ts";
import { classifyError } from "../errors/classify-error.ts";
import { shutBreaker } from "../gates/shut-breaker.ts";
import type { Logger } from "../log/logger.ts";
import { BreakerSensor } from "../resilience/breaker-sensor.ts";
import type { Dependency } from "../resilience/dependency.ts";
import { gateName } from "../resilience/gate-name.ts";
import type { GateWatch } from "./gate-watch.ts";
import { CalledOffError } from "./run-within.ts";

export interface BreakersOptions {
  readonly dependencies: Iterable<Dependency>;
  readonly watch: GateWatch;
  readonly db: Database;
  readonly log: Logger;
  readonly hurry: AbortSignal;
}

/** The breakers of one process: notes how calls to dependencies went, and shuts the gate of one that fails. */
export class Breakers {
  readonly #options: BreakersOptions;
  readonly #sensors = new Map<string, BreakerSensor>();

  constructor(options: BreakersOptions) {
    this.#options = options;
    for (const { name, breaker } of options.dependencies) {
      if (breaker === undefined) continue;
      const onOpen = (failures: number) => {
        const reason = `${failures} failed calls within ${breaker.windowMs} ms`;
        this.#shut({ name: gateName.breaker(name), reason, probeAfterMs: breaker.probeAfterMs });
      };
      this.#sensors.set(name, new BreakerSensor(breaker, onOpen));
    }
    options.watch.onChange(() => this.#beginAnew());
  }

  /** Makes a call to what a handler uses, and notes how it went. */
  async watch<T>(uses: readonly Dependency[], call: () => Promise<T>): Promise<T> {
    try {
      const answer = await call();
      for (const { name } of uses) this.#sensors.get(name)?.note(true);
      return answer;
    } catch (thrown) {
      if (!this.#options.hurry.aborted) {
        for (const { name } of failedBy(thrown, uses)) this.#sensors.get(name)?.note(false);
      }
      throw thrown;
    }
  }

  end(): void {
    for (const sensor of this.#sensors.values()) sensor.end();
  }

  #shut(gate: { name: string; reason: string; probeAfterMs: number }): void {
    const { watch, db, hurry, log } = this.#options;
    log.warn({ gate: gate.name, reason: gate.reason }, "a breaker opens: jobs that need it are held");
    watch
      .shutWhile(gate.name, () => untilDatabaseAnswers(() => shutBreaker(db, gate), hurry, log))
      .catch((error: unknown) => {
        if (!(error instanceof Interrupted))
          log.error({ err: error, gate: gate.name }, "a gate could not be shut");
      });
  }

  #beginAnew(): void {
    for (const [name, sensor] of this.#sensors) {
      if (sensor.isOpen && this.#options.watch.stateOf(gateName.breaker(name)) === undefined)
        sensor.beginAnew();
    }
  }
}

/**
 * Which dependencies an error speaks against. An answer of the business (declined, refused, too many requests) speaks
 * neither for nor against one, and PostgreSQL's own trouble is nobody's here.
 */
export function failedBy(error: unknown, uses: readonly Dependency[]): readonly Dependency[] {
  if (isDatabaseFault(error) || error instanceof CalledOffError) return [];
  const found = classifyError(error);
  switch (found.kind) {
    case "permanent":
    case "rate_limited":
      return [];
    case "retryable":
      return found.effect === "none" ? [] : uses;
    case "unknown_outcome":
      return uses;
    case "unreachable": {
      const named = uses.filter(({ name }) => name === found.dependency);
      return named.length > 0 ? named : uses;
    }
  }
}
