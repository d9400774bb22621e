import type { Intake } from "../broker/intake.ts";
import type { Logger } from "../log/logger.ts";
import type { GateWatch } from "./gate-watch.ts";

const REASON = "gates";

export interface GateIntakeOptions {
  readonly queue: string;
  readonly intake: Intake;
  /** Whether every type of the queue waits at a gate. */
  readonly allWait: () => boolean;
  readonly watch: GateWatch;
  readonly log: Logger;
}

/**
 * Takes nothing of a queue while every type of it waits at a gate: what is in it stays there instead of being held one
 * by one. After such a wait it takes one delivery, which may be the probe, and all it may when that one is settled.
 */
export class GateIntake {
  readonly #options: GateIntakeOptions;
  #stand: "open" | "closed" | "careful" = "open";

  constructor(options: GateIntakeOptions) {
    this.#options = options;
    options.watch.onChange(() => this.#look());
    this.#look();
  }

  /** Notes that a delivery is settled. */
  settled(): void {
    if (this.#stand !== "careful") return;
    this.#stand = "open";
    this.#options.intake.limit(REASON, undefined);
  }

  #look(): void {
    const { queue, intake, allWait, log } = this.#options;
    const closed = allWait();
    if (closed === (this.#stand === "closed")) return;
    this.#stand = closed ? "closed" : "careful";
    intake.limit(REASON, closed ? 0 : 1);
    log.info(
      { queue },
      closed
        ? "every type of this queue waits at a gate: its deliveries stay in RabbitMQ"
        : "a gate of this queue opens: taking deliveries again",
    );
  }
}
