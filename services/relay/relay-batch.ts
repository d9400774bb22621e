import type { QueryExecutorProvider } from "kysely";
import {
  type ConfirmChannel,
  type OutgoingMessage,
  type PublishOutcome,
  publishBatch,
} from "#shared/broker/publish-batch.ts";
import { crashPoint } from "#shared/config/crash-point.ts";
import type { Database } from "#shared/database/database.ts";
import { readTopology } from "#shared/jobs/read-topology.ts";
import type { Logger } from "#shared/log/logger.ts";
import { claim, type LaneLook, type OutboxRow } from "#shared/outbox/claim.ts";
import { postpone } from "#shared/outbox/postpone.ts";
import { remove } from "#shared/outbox/remove.ts";
import { bury, type Unpublishable } from "./bury.ts";
import type { Refusal } from "./channel-keeper.ts";
import { type Composed, composeMessages } from "./compose-messages.ts";
import type { SilentRoutes } from "./silent-routes.ts";

export interface BatchOptions {
  readonly db: Database;
  readonly channel: ConfirmChannel;
  readonly looks: readonly LaneLook[];
  /** Most rows, about. */
  readonly window: number;
  readonly confirmMs: number;
  /** Ends the waiting for confirms at once; the rows stay. */
  readonly giveUp: AbortSignal;
  readonly routes: SilentRoutes;
  /** Why the broker closed the channel over one of the messages, when it did. */
  readonly refusal: () => Refusal | undefined;
  readonly log: Logger;
}

/** What a batch did: the rows it claimed, and the messages of which nobody knows whether they went out. */
export interface BatchResult {
  readonly rows: readonly OutboxRow[];
  readonly unconfirmed: readonly OutgoingMessage[];
  /** Whether the broker has answered for any message. */
  readonly answered: boolean;
}

/**
 * Publishes what is next in the outbox: claim, publish, await the confirms, delete, in one transaction.
 *
 * Dies at any point without loss: the rows are deleted last, so the worst is that they go out twice under the same
 * message id and send, which the consumers' fence drops. Its commit need not wait for the disk, for the same reason:
 * `db` may be opened with synchronous_commit off.
 */
export async function relayBatch(options: BatchOptions): Promise<BatchResult> {
  return options.db.transaction().execute(async (trx) => {
    // Each lane may add its small share to the window; a window of one is meant to isolate one message.
    const claimed = await claim(trx, options.looks, options.window);
    const composed = await composeMessages(trx, options.window === 1 ? claimed.slice(0, 1) : claimed);
    const rows = composed.filter(({ message }) => message !== "later").map(({ row }) => row);
    if (rows.length === 0) return { rows, unconfirmed: [], answered: false };
    const { outgoing, probes, shut } = judge(composed.filter(hasMessage), options.routes);
    const messages = outgoing.map(({ message }) => message);
    const { confirmMs: timeoutMs, giveUp } = options;
    crashPoint("relay.claimed");
    const outcomes = await publishBatch(options.channel, messages, { timeoutMs, giveUp, probes });
    crashPoint("relay.confirmed");
    const sorted = sort(composed, outgoing, outcomes, options.refusal());
    await keepEventsWithSubscribers(trx, sorted);
    await remove(trx, [...sorted.done, ...sorted.dead.map(({ row }) => row)]);
    await postpone(
      trx,
      [...sorted.returned, ...shut].map(({ row }) => row),
    );
    await bury(trx, sorted.dead, options.log);
    if (sorted.returned.length > 0) warnOfReturns(sorted.returned, options.log);
    crashPoint("relay.deleted");
    for (const { message } of sorted.answered) options.routes.answered(message);
    const unconfirmed = sorted.unconfirmed.map(({ message }) => message);
    return { rows, unconfirmed, answered: sorted.answered.length > 0 };
  });
}

interface Sorted {
  readonly done: OutboxRow[];
  readonly returned: Outgoing[];
  /** Events that no queue was bound for. */
  readonly unheard: Outgoing[];
  readonly dead: Unpublishable[];
  readonly unconfirmed: Outgoing[];
  /** For which the broker said something, whatever it was. */
  readonly answered: Outgoing[];
}

type Outgoing = Composed & { readonly message: OutgoingMessage };

function hasMessage(composed: Composed): composed is Outgoing {
  return typeof composed.message === "object";
}

const ANSWERS: ReadonlySet<PublishOutcome["kind"]> = new Set(["confirmed", "returned", "refused"]);

// What goes to a queue that confirms nothing is left for later, but for one message now and then.
function judge(composed: readonly Outgoing[], routes: SilentRoutes) {
  const now = Date.now();
  const judged = composed.map((item) => ({ item, judgement: routes.judge(item.message, now) }));
  const outgoing = judged.filter(({ judgement }) => judgement !== "shut").map(({ item }) => item);
  const shut = judged.filter(({ judgement }) => judgement === "shut").map(({ item }) => item);
  const trying = judged.filter(({ judgement }) => judgement === "probe");
  return { outgoing, shut, probes: new Set(trying.map(({ item }) => item.message)) };
}

function sort(
  composed: readonly Composed[],
  outgoing: readonly Outgoing[],
  outcomes: readonly PublishOutcome[],
  refusal: Refusal | undefined,
): Sorted {
  const overtaken = composed.filter(({ message }) => message === "overtaken").map(({ row }) => row);
  const sorted: Sorted = {
    done: overtaken,
    returned: [],
    unheard: [],
    dead: [],
    unconfirmed: [],
    answered: [],
  };
  for (const [place, item] of outgoing.entries()) {
    const outcome = outcomes[place] ?? { kind: "unconfirmed" };
    const isEvent = item.row.lane === "event";
    if (ANSWERS.has(outcome.kind)) sorted.answered.push(item);
    if (outcome.kind === "unpublishable") sorted.dead.push({ ...item, reason: outcome.reason });
    else if (outcome.kind === "confirmed") sorted.done.push(item.row);
    // A job that nobody can take waits until its queue is there.
    else if (outcome.kind === "returned") (isEvent ? sorted.unheard : sorted.returned).push(item);
    // A queue without room nacks its own messages only; the others in the batch went out.
    else if (outcome.kind === "refused") sorted.returned.push(item);
    // The broker closed the channel and this message was alone on it: it is the one that was refused.
    else if (refusal !== undefined && outgoing.length === 1) {
      if (refusal.forGood) sorted.dead.push({ ...item, reason: refusal.message });
      else sorted.returned.push(item);
    } else sorted.unconfirmed.push(item);
  }
  return sorted;
}

// Nobody has to hear an event, and then it counts as published; but where a subscription is registered, its queue is
// only not there yet, or was deleted.
async function keepEventsWithSubscribers(trx: QueryExecutorProvider, sorted: Sorted): Promise<void> {
  if (sorted.unheard.length === 0) return;
  const { subscriptions } = await readTopology(trx);
  const awaited = new Set(subscriptions.map(({ eventType }) => eventType));
  for (const item of sorted.unheard) {
    if (awaited.has(item.message.routingKey)) sorted.returned.push(item);
    else sorted.done.push(item.row);
  }
}

function warnOfReturns(returned: readonly Outgoing[], log: Logger): void {
  const routingKeys = [...new Set(returned.map(({ message }) => message.routingKey))].slice(0, 5);
  log.warn(
    { rows: returned.length, routingKeys },
    "no queue takes some messages now; sending them again later",
  );
}
