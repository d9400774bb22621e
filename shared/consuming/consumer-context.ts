import type { Priority } from "../contracts/priority.ts";
import type { Database } from "../database/database.ts";
import type { Logger } from "../log/logger.ts";
import type { Breakers } from "./breakers.ts";
import type { BrokerLink } from "./broker-link.ts";
import type { GateWatch } from "./gate-watch.ts";
import type { Hand } from "./hand.ts";
import type { Handler } from "./handle.ts";
import type { Solitude } from "./solitude.ts";

/** What the steps of a delivery share: one queue's handlers, connections and signals. */
export interface ConsumerContext {
  readonly service: string;
  readonly queue: string;
  readonly priority: Priority;
  /** This process among all consumers; the holder of the jobs it runs. */
  readonly instance: string;
  readonly handlers: ReadonlyMap<string, Handler>;
  /** Connections of this priority's own, so that none waits for another's. */
  readonly db: Database;
  readonly hand: Hand;
  /** What this process knows of the gates, and how it notices that one has to be shut. */
  readonly gates: { readonly watch: GateWatch; readonly breakers: Pick<Breakers, "watch"> };
  /** Shared by all queues of this process. */
  readonly solitude: Solitude;
  readonly link: BrokerLink;
  readonly log: Logger;
  /** The time to finish is over: running work is aborted and left to others. */
  readonly hurry: AbortSignal;
}
