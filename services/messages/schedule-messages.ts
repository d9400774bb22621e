import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { z } from "zod";
import { SendMessage } from "#shared/contracts/messages.ts";
import { type Database, enqueueMany } from "#shared/index.ts";
import { parseDuration } from "#shared/time/parse-duration.ts";
import type { MessagesTables } from "./tables.ts";

/** Messages as a person writes them; `in` counts from one instant for all of them, none means now. */
export const MessageList = z
  .array(
    z.strictObject({
      to: z.string().regex(/^\+[1-9]\d{6,14}$/, "must be a phone number in E.164 form: +15550000001"),
      text: z.string().min(1).max(4096, "must be 4096 characters at most, the chat API's limit"),
      in: z
        .string()
        .transform((text) => parseDuration(text))
        .optional(),
      conversation: z.string().min(1).optional(),
    }),
  )
  .min(1);

/**
 * Stores messages and the jobs that send them, all in one transaction.
 *
 * Due times count from one reading of the database's clock, so that their distances are those of the list.
 */
export async function scheduleMessages(
  db: Database,
  messages: z.infer<typeof MessageList>,
  correlationId?: string,
): Promise<{ messageId: string; jobId: string }[]> {
  return await db.transaction().execute(async (trx) => {
    const clock = await sql<{ now: Date }>`select duly.now() as now`.execute(trx);
    const now = clock.rows[0]?.now.getTime() ?? unanswered();
    const rows = messages.map((message) => ({ ...message, id: randomUUID() }));
    const jobIds = await enqueueMany(
      trx,
      SendMessage,
      rows.map(({ id, in: delay }) => ({
        payload: { messageId: id },
        runAt: delay === undefined ? undefined : new Date(now + delay),
        correlationId,
      })),
    );
    const stored = rows.map(({ id, to, text, conversation }, place) => ({
      id,
      conversation_id: conversation ?? to,
      recipient_phone: to,
      body: text,
      job_id: jobIds[place] ?? unanswered(),
    }));
    await trx.$extendTables<MessagesTables>().insertInto("messages.messages").values(stored).execute();
    return stored.map((row) => ({ messageId: row.id, jobId: row.job_id }));
  });
}

function unanswered(): never {
  throw new Error("PostgreSQL answered with fewer rows than it was asked for");
}
