import { sql } from "kysely";
import { eventQueue } from "#shared/broker/names.ts";
import type { World } from "../world.ts";
import { SERVICES } from "./correspondence-branch.ts";

/** How many jobs of the branch's services are not at their end. */
export async function countOpenJobs({ db }: World): Promise<number> {
  const { rows } = await sql<{ open: number }>`
    select count(*)::int as open from duly.jobs
    where service = any(${[...SERVICES]}) and state not in ('completed', 'dead_lettered', 'cancelled')`.execute(
    db,
  );
  return rows[0]?.open ?? 0;
}

/** Events that are still on their way to these services: whoever goes before they are heard leaves them behind. */
export async function countUnheard({ db, broker }: World): Promise<number> {
  const { rows } = await sql<{ outbox: number }>`select count(*)::int as outbox from duly.outbox`.execute(db);
  const connection = await broker.connect();
  try {
    const channel = await connection.createChannel();
    const heard = new Set(SERVICES.map(eventQueue));
    let waiting = rows[0]?.outbox ?? 0;
    for (const queue of await broker.queues())
      if (heard.has(queue)) waiting += (await channel.checkQueue(queue)).messageCount;
    return waiting;
  } finally {
    await connection.close();
  }
}
