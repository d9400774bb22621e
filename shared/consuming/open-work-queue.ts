import type { Delivery } from "../broker/consume-queue.ts";
import { Intake } from "../broker/intake.ts";
import { workQueue } from "../broker/names.ts";
import { openDatabase } from "../database/database.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import { GateIntake } from "./gate-intake.ts";
import type { QueueSizes } from "./queue-sizes.ts";
import { WorkQueue } from "./work-queue.ts";

/** One queue of a service as a process consumes it, with database connections of its own. */
export interface OpenWorkQueue {
  readonly context: ConsumerContext;
  readonly intake: Intake;
  readonly work: WorkQueue;
  readonly take: (delivery: Delivery) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** What all queues of a process have in common. */
type ProcessContext = Omit<ConsumerContext, "queue" | "priority" | "db">;

/** Prepares the consuming of one queue; its connections open with its first statements. */
export function openWorkQueue(
  sizes: QueueSizes,
  process: ProcessContext,
  databaseUrl: string,
  stop: AbortSignal,
): OpenWorkQueue {
  const { service, log } = process;
  const { priority, workers, prefetch, connections } = sizes;
  const db = openDatabase({ url: databaseUrl, name: `duly ${service}.${priority}`, connections, log });
  const context = { ...process, priority, queue: workQueue(service, priority), db };
  const intake = new Intake(prefetch);
  const work = new WorkQueue(context, workers, stop);
  const allWait = () => work.allWait;
  const gate = new GateIntake({ queue: context.queue, intake, allWait, watch: process.gates.watch, log });
  const take = (delivery: Delivery) => work.take(delivery).finally(() => gate.settled());
  return { context, intake, work, take, close: () => db.destroy() };
}
