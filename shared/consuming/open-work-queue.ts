import { Intake } from "../broker/intake.ts";
import { workQueue } from "../broker/names.ts";
import { openDatabase } from "../database/database.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import type { QueueSizes } from "./queue-sizes.ts";
import { WorkQueue } from "./work-queue.ts";

/** One queue of a service as a process consumes it, with database connections of its own. */
export interface OpenWorkQueue {
  readonly context: ConsumerContext;
  readonly intake: Intake;
  readonly work: WorkQueue;
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
  return { context, intake, work: new WorkQueue(context, workers, stop), close: () => db.destroy() };
}
