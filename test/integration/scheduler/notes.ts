import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { listen } from "#shared/database/listen.ts";
import { createLogger } from "#shared/log/logger.ts";
import type { Engine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";

/** One notification as it came, with the time by this process' clock (ms). */
export interface Note {
  readonly channel: string;
  readonly payload: string;
  readonly at: number;
}

/** What the database told its listeners. */
export interface Notes {
  readonly all: Note[];
  /** Waits until everything committed before is heard, and gives what came since the last time. */
  readonly settled: () => Promise<Note[]>;
  readonly stop: () => Promise<void>;
}

/** Hears everything that wakes relays and schedulers. */
export async function hearNotes({ url, db }: Engine): Promise<Notes> {
  const end = new AbortController();
  const connected = Promise.withResolvers<void>();
  const all: Note[] = [];
  const listening = listen({
    url,
    name: "duly test listen",
    channels: ["duly_relay", "duly_scheduler", "duly_test"],
    log: createLogger("test", "silent"),
    signal: end.signal,
    onNotify: (channel, payload) => {
      if (channel === undefined) connected.resolve();
      else all.push({ channel, payload, at: Date.now() });
    },
  });
  await connected.promise;
  let read = 0;
  const settled = async () => {
    const mark = randomUUID();
    await sql`select pg_notify('duly_test', ${mark})`.execute(db);
    const place = await eventually("the notifications to arrive", async () => {
      const found = all.findIndex((note) => note.payload === mark);
      return found >= 0 && { found };
    });
    const since = all.slice(read, place.found).filter((note) => note.channel !== "duly_test");
    read = place.found + 1;
    return since;
  };
  const stop = async () => {
    end.abort();
    await listening;
  };
  return { all, settled, stop };
}

/** Writes down a relay that sleeps, so that every outbox row is announced; it never wakes. */
export async function pretendSleepingRelay({ db }: Engine): Promise<void> {
  await sql`
    insert into duly.sleepers values (${randomUUID()}, 'test',
      enum_range(null::duly.lane), 'infinity', 'infinity')
  `.execute(db);
}
