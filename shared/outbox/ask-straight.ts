import { type QueryExecutorProvider, sql } from "kysely";

/** Notified by a relay that cannot publish critical jobs: whoever handles them may take them from the outbox. */
export const STRAIGHT_CHANNEL = "duly_straight";

/** Asks all consumers to take critical jobs straight from the outbox for a moment, though they may have RabbitMQ. */
export async function askStraight(db: QueryExecutorProvider): Promise<void> {
  await sql`select pg_notify(${STRAIGHT_CHANNEL}, '')`.execute(db);
}
