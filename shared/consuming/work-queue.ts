import type { Delivery } from "../broker/consume-queue.ts";
import { crashPoint } from "../config/crash-point.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import { deadLetterDelivery } from "./dead-letter-delivery.ts";
import { type ParsedDelivery, parseDelivery } from "./parse-delivery.ts";
import { type PerformingHandler, performDelivery } from "./perform-delivery.ts";
import { type RecordItem, recordGroup } from "./record-group.ts";
import { letterOf, replayByHand } from "./replay-by-hand.ts";
import { Interrupted, untilDatabaseAnswers } from "./until-database-answers.ts";

const LARGEST_GROUP = 100;
const GROUPS_AT_ONCE = 2;

type Waiting<T> = T & { readonly settled: PromiseWithResolvers<void> };

interface PerformItem extends RecordItem {
  readonly handler: PerformingHandler;
}

/**
 * Takes the deliveries of one queue and gives them to its workers: outside effects one by one, at most `workers` at
 * once; database effects in groups, as many as have come together while the last groups were settled.
 */
export class WorkQueue {
  readonly #context: ConsumerContext;
  readonly #workers: number;
  readonly #stop: AbortSignal;
  readonly #performing: Waiting<PerformItem>[] = [];
  readonly #recording: Waiting<RecordItem>[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #busy = 0;
  #groups = 0;

  constructor(context: ConsumerContext, workers: number, stop: AbortSignal) {
    this.#context = context;
    this.#workers = workers;
    this.#stop = stop;
    stop.addEventListener("abort", () => this.#giveBack(), { once: true });
  }

  /** Takes a delivery; resolves when it is settled and acked, or given back. Rejects only on the engine's own faults. */
  async take(delivery: Delivery): Promise<void> {
    const letter = letterOf(delivery);
    if (letter !== undefined) return replayByHand(delivery, letter, this.#context);
    const parsed = parseDelivery(delivery, this.#context.handlers);
    if (!parsed.ok) return this.#bury(delivery, parsed);
    crashPoint("consumer.delivered");
    const release = this.#context.hand.take(parsed.id);
    try {
      await this.#settled(delivery, parsed);
    } finally {
      release();
    }
  }

  async #bury(
    delivery: Delivery,
    unfit: Exclude<ReturnType<typeof parseDelivery>, ParsedDelivery>,
  ): Promise<void> {
    const { service, priority, db, hurry, log } = this.#context;
    log.warn({ queue: delivery.queue, reason: unfit.reason, job: unfit.id }, unfit.message);
    await untilDatabaseAnswers(
      () => deadLetterDelivery(db, { ...unfit, delivery, service, priority }),
      hurry,
      log,
    );
    delivery.ack();
  }

  #settled(delivery: Delivery, parsed: ParsedDelivery): Promise<void> {
    const settled = Promise.withResolvers<void>();
    const { handler } = parsed;
    if (this.#stop.aborted) settled.resolve();
    else if (isPerforming(handler)) this.#performing.push({ delivery, parsed, handler, settled });
    else this.#recording.push({ delivery, parsed, settled });
    this.#startWorkers();
    return settled.promise;
  }

  #startWorkers(): void {
    while (this.#busy < this.#workers) {
      const item = this.#performing.shift();
      if (item === undefined) break;
      if (item.delivery.isGone()) {
        item.settled.resolve(); // it comes again on the next channel
        continue;
      }
      this.#busy += 1;
      this.#finish(this.#perform(item), [item], () => (this.#busy -= 1));
    }
    while (this.#groups < GROUPS_AT_ONCE && this.#recording.length > 0) {
      const group = this.#recording.splice(0, LARGEST_GROUP);
      this.#groups += 1;
      this.#finish(this.#record(group), group, () => (this.#groups -= 1));
    }
  }

  async #perform({ delivery, parsed, handler }: PerformItem): Promise<void> {
    if (!(await performDelivery(delivery, parsed, handler, this.#context))) return;
    crashPoint("consumer.settled");
    delivery.ack();
    crashPoint("consumer.acked");
  }

  async #record(group: readonly RecordItem[]): Promise<void> {
    await recordGroup(group, this.#context);
    crashPoint("consumer.group-settled");
    for (const { delivery } of group) delivery.ack();
  }

  /** Resolves when nothing is under way, also what began on a channel that is gone by now. Never rejects. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  // Ends the waiting of the deliveries as their work ends, and makes room for the next.
  #finish(work: Promise<void>, items: readonly Waiting<unknown>[], free: () => void): void {
    this.#underWay.add(work);
    const settle = (end: (settled: PromiseWithResolvers<void>) => void) => {
      this.#underWay.delete(work);
      for (const { settled } of items) end(settled);
      free();
      if (!this.#stop.aborted) this.#startWorkers();
    };
    work.then(
      () => settle((settled) => settled.resolve()),
      // Stopping is no fault: the delivery is not acked and comes again elsewhere.
      (error: unknown) =>
        settle((settled) => (error instanceof Interrupted ? settled.resolve() : settled.reject(error))),
    );
  }

  // What has not begun goes back to the broker untouched: unacked, when the channel closes.
  #giveBack(): void {
    for (const { settled } of [...this.#performing.splice(0), ...this.#recording.splice(0)])
      settled.resolve();
  }
}

function isPerforming(handler: ParsedDelivery["handler"]): handler is PerformingHandler {
  return handler.perform !== undefined;
}
