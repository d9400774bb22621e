import { sql } from "kysely";
import { z } from "zod";
import type { Database } from "#shared/index.ts";
import type { NotificationsTables } from "./tables.ts";

const People = z.array(z.object({ id: z.string().min(1), name: z.string().min(1), email: z.email() })).min(1);

/**
 * Adds the people of a list to the contacts; who is there already gets the list's name and address. Idempotent.
 *
 * @returns how many people the list has.
 * @throws {z.ZodError} when the list is not one of people.
 */
export async function seedContacts(db: Database, list: unknown): Promise<number> {
  const people = People.parse(list);
  await db
    .$extendTables<NotificationsTables>()
    .insertInto("notifications.contacts")
    .values(people.map(({ id, name, email }) => ({ user_id: id, name, email })))
    .onConflict((conflict) =>
      conflict
        .column("user_id")
        .doUpdateSet({ name: sql<string>`excluded.name`, email: sql<string>`excluded.email` }),
    )
    .execute();
  return people.length;
}
