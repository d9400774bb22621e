import { sql } from "kysely";
import type { Database } from "#shared/index.ts";
import type { OtpCipher } from "../../../../services/notifications/otp-cipher.ts";
import type { PostFate } from "./judge-posts.ts";

interface CodeRow extends Omit<PostFate, "text"> {
  readonly challenge: string;
  readonly sealed: Buffer;
}

/** What the notifications service says of the codes to these addresses, each with the code of its challenge. */
export async function readCodeFates(
  db: Database,
  cipher: OtpCipher,
  to: readonly string[],
): Promise<PostFate[]> {
  const { rows } = await sql<CodeRow>`
    select c.email as "to", c.id as challenge, c.code_ciphertext as sealed, ${JOB},
      case when c.sent_at is null then 'pending' else 'sent' end as record, null as "arrivalId"
    from notifications.otp_challenges c left join duly.jobs j on j.id = c.job_id
      left join duly.jobs_history h on h.id = c.job_id
    where c.email = any(${to})`.execute(db);
  return rows.map(({ challenge, sealed, ...fate }) => ({ ...fate, text: cipher.open(sealed, challenge) }));
}

/** What the messages service says of the messages to these phones, in digits. */
export async function readMessageFates(db: Database, to: readonly string[]): Promise<PostFate[]> {
  const { rows } = await sql<PostFate>`
    select substr(c.recipient_phone, 2) as "to", ${JOB}, c.state as record, c.body as text,
      c.provider_message_id as "arrivalId"
    from messages.messages c left join duly.jobs j on j.id = c.job_id
      left join duly.jobs_history h on h.id = c.job_id
    where c.recipient_phone = any(${to.map((digits) => `+${digits}`)})`.execute(db);
  return rows;
}

const JOB = sql`
  coalesce(j.state, h.state)::text as job, coalesce(j.attempt, h.attempt) as attempts,
  coalesce(j.max_attempts, h.max_attempts) as "mostAttempts",
  (select max(l.reason) from duly.dead_letters l where l.job_id = c.job_id) as letter,
  (select count(*)::int from duly.dead_letters l where l.job_id = c.job_id) as letters`;
