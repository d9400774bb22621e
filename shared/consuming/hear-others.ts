import { sql } from "kysely";
import type { Database } from "../database/database.ts";
import { listen } from "../database/listen.ts";
import type { Logger } from "../log/logger.ts";
import { STRAIGHT_CHANNEL } from "../outbox/ask-straight.ts";
import type { BrokerLink } from "./broker-link.ts";
import type { Hand } from "./hand.ts";
import type { OpenGates } from "./open-gates.ts";

interface HearOptions {
  readonly service: string;
  readonly hand: Hand;
  readonly gates: OpenGates;
  readonly link: BrokerLink;
  readonly db: Database;
  readonly url: string;
  readonly log: Logger;
}

/**
 * Hears until `close`, on one connection, what is told to all consumers: that gates have changed, which jobs are called
 * off, and that critical jobs do not get out to RabbitMQ.
 *
 * What is not heard costs nothing but time: the gates are looked at each second, a wish to cancel stands in the job's row,
 * where settling finds it, and a relay asks again.
 */
export function hearOthers({ service, hand, gates, link, db, url, log }: HearOptions): {
  close: () => Promise<void>;
} {
  const end = new AbortController();
  const listening = listen({
    url,
    name: `duly ${service} listen`,
    channels: ["duly_gates", "duly_cancel", STRAIGHT_CHANNEL],
    log,
    signal: end.signal,
    onNotify: (channel, payload) => {
      if (channel === STRAIGHT_CHANNEL) return link.isAsked();
      if (channel === "duly_cancel") return hand.callOff(payload);
      gates.lookAgain();
      if (channel !== undefined) return;
      callOffAsked(hand, db).catch((error: unknown) =>
        log.warn({ err: error }, "could not see what was cancelled meanwhile; its runs go on to their end"),
      );
    },
  });
  const close = async () => {
    end.abort();
    await listening;
  };
  return { close };
}

async function callOffAsked(hand: Hand, db: Database): Promise<void> {
  const asked = await sql<{ id: string }>`
    select id from duly.jobs where id = any(${hand.ids()}::uuid[]) and cancel_requested and state = 'running'
  `.execute(db);
  for (const { id } of asked.rows) hand.callOff(id);
}
