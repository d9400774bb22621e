import type { Delivery } from "../broker/consume-queue.ts";
import { crashPoint } from "../config/crash-point.ts";
import { Interrupted, untilDatabaseAnswers } from "../database/until-database-answers.ts";
import type { ConsumerContext } from "./consumer-context.ts";
import { deadLetterDelivery } from "./dead-letter-delivery.ts";
import { type GatedItem, GateKeeper } from "./gate-keeper.ts";
import { isSuspect } from "./is-suspect.ts";
import { type ParsedDelivery, parseDelivery } from "./parse-delivery.ts";
import { isPerforming, performDelivery } from "./perform-delivery.ts";
import { type RecordItem, recordGroup } from "./record-group.ts";
import { letterOf, replayByHand } from "./replay-by-hand.ts";
import { runAlone } from "./run-alone.ts";

const LARGEST_GROUP = 100;
const GROUPS_AT_ONCE = 2;

type Waiting = RecordItem & GatedItem & { readonly settled: PromiseWithResolvers<void> };

/**
 * Takes the deliveries of one queue and gives them to its workers: outside effects one by one, at most `workers` at
 * once; database effects in groups, as many as have come together while the last groups were settled. Deliveries that
 * processes died with run one at a time, while nothing else of the queue runs.
 */
export class WorkQueue {
  readonly #context: ConsumerContext;
  readonly #workers: number;
  readonly #stop: AbortSignal;
  readonly #gates: GateKeeper;
  readonly #performing: Waiting[] = [];
  readonly #recording: Waiting[] = [];
  readonly #suspects: Waiting[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #busy = 0;
  #groups = 0;
  #isAlone = false;

  constructor(context: ConsumerContext, workers: number, stop: AbortSignal) {
    this.#context = context;
    this.#workers = workers;
    this.#stop = stop;
    this.#gates = new GateKeeper(context, () => {
      if (!stop.aborted) this.#startWorkers();
    });
    stop.addEventListener("abort", () => this.#giveBack(), { once: true });
  }

  /** Takes a delivery; resolves when it is settled and acked, or given back. Rejects only on the engine's own faults. */
  async take(delivery: Delivery): Promise<void> {
    const letter = letterOf(delivery);
    if (letter !== undefined) return replayByHand(delivery, letter, this.#context);
    const parsed = parseDelivery(delivery, this.#context.handlers);
    if (!parsed.ok) return this.#bury(delivery, parsed);
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
    crashPoint("consumer.buried");
    delivery.ack();
  }

  #settled(delivery: Delivery, parsed: ParsedDelivery): Promise<void> {
    crashPoint("consumer.delivered");
    const item = { delivery, parsed, settled: Promise.withResolvers<void>() };
    if (this.#stop.aborted) giveBack(item);
    else this.#lineOf(item).push(item);
    this.#startWorkers();
    return item.settled.promise;
  }

  #lineOf({ delivery, parsed }: Waiting): Waiting[] {
    if (isSuspect(delivery)) return this.#suspects;
    return isPerforming(parsed.handler) ? this.#performing : this.#recording;
  }

  #startWorkers(): void {
    if (this.#isAlone) return;
    for (const line of [this.#suspects, this.#performing, this.#recording]) this.#turnAway(line);
    if (this.#suspects.length > 0) return this.#startAlone();
    const { solitude } = this.#context;
    while (this.#busy < this.#workers) {
      const item = this.#nextPerforming();
      if (item === undefined) break;
      this.#busy += 1;
      const work = solitude.among(() => this.#perform(item));
      this.#finish([item], work, () => {
        this.#busy -= 1;
        this.#gates.leave(item);
      });
    }
    while (this.#groups < GROUPS_AT_ONCE && this.#recording.length > 0) {
      const group = this.#recording.splice(0, LARGEST_GROUP);
      this.#groups += 1;
      const work = solitude.among(() => this.#record(group));
      this.#finish(group, work, () => (this.#groups -= 1));
    }
  }

  // One whose channel is gone comes again on the next.
  #nextPerforming(): Waiting | undefined {
    for (;;) {
      const item = this.#gates.takeNext(this.#performing);
      if (item === undefined || !item.delivery.isGone()) return item;
      this.#gates.leave(item);
      item.settled.resolve();
    }
  }

  // Holds those whose gates are shut; what is not held after all waits on, before the others.
  #turnAway(line: Waiting[]): void {
    const group = this.#gates.turnAway(line);
    for (let place = 0; place < group.length; place += LARGEST_GROUP) {
      const part = group.slice(place, place + LARGEST_GROUP);
      const left = new Set<Waiting>();
      this.#finish(part, this.#hold(part, left), () => this.#waitOn(left, line), left);
    }
  }

  #waitOn(left: ReadonlySet<Waiting>, line: Waiting[]): void {
    if (this.#stop.aborted) left.forEach(giveBack);
    else line.unshift(...left);
  }

  async #hold(group: readonly Waiting[], left: Set<Waiting>): Promise<void> {
    for (const item of await this.#gates.hold(group)) left.add(item);
    crashPoint("consumer.held");
    for (const item of group) if (!left.has(item)) item.delivery.ack();
  }

  // Waits until nothing of this queue is under way; nothing else of it begins meanwhile.
  #startAlone(): void {
    if (this.#underWay.size > 0) return;
    const item = this.#suspects.shift();
    if (item === undefined) return;
    if (item.delivery.isGone()) {
      item.settled.resolve(); // it comes again on the next channel
      return this.#startWorkers();
    }
    this.#isAlone = true;
    this.#finish([item], this.#alone(item), () => (this.#isAlone = false));
  }

  async #alone(item: Waiting): Promise<void> {
    const { delivery, parsed } = item;
    const run = () => (isPerforming(parsed.handler) ? this.#perform(item) : this.#record([item]));
    if (!(await runAlone(parsed, this.#context, run))) delivery.ack();
  }

  async #perform({ delivery, parsed, pass }: Waiting): Promise<void> {
    if (!(await performDelivery(delivery, parsed, this.#context, pass?.probeOf))) return delivery.giveBack();
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

  /** Whether every type of this queue waits at a gate. */
  get allWait(): boolean {
    return this.#gates.allWait;
  }

  // Ends the waiting of the deliveries as their work ends, but of those that wait on, and makes room for the next.
  #finish(
    items: readonly Waiting[],
    work: Promise<void>,
    free: () => void,
    left: ReadonlySet<Waiting> = new Set(),
  ): void {
    this.#underWay.add(work);
    const settle = (end: (item: Waiting) => void) => {
      this.#underWay.delete(work);
      for (const item of items) if (!left.has(item)) end(item);
      free();
      if (!this.#stop.aborted) this.#startWorkers();
    };
    work.then(
      () => settle(({ settled }) => settled.resolve()),
      // Stopping is no fault: the delivery is not acked and comes again elsewhere.
      (error: unknown) =>
        settle((item) => (error instanceof Interrupted ? giveBack(item) : item.settled.reject(error))),
    );
  }

  // What has not begun goes back to the broker untouched.
  #giveBack(): void {
    for (const line of [this.#suspects, this.#performing, this.#recording]) {
      for (const item of line.splice(0)) giveBack(item);
    }
  }
}

function giveBack({ delivery, settled }: Waiting): void {
  delivery.giveBack();
  settled.resolve();
}
