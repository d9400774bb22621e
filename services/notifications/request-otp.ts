import { randomInt, randomUUID } from "node:crypto";
import { sql } from "kysely";
import { SendOtp } from "#shared/contracts/notifications.ts";
import { type Database, enqueueMany } from "#shared/index.ts";
import type { OtpCipher } from "./otp-cipher.ts";
import type { NotificationsTables } from "./tables.ts";

/** Who is to get a code, and for how long it can be used. */
export interface OtpRequest {
  readonly emails: readonly string[];
  /** Milliseconds from now, by the database's clock. */
  readonly validForMs: number;
  readonly correlationId?: string | undefined;
}

/**
 * Makes a code for each address and the job that mails it, all in one transaction.
 *
 * The codes themselves leave only by mail: nothing here returns or logs them.
 */
export async function requestOtps(
  db: Database,
  cipher: OtpCipher,
  { emails, validForMs, correlationId }: OtpRequest,
): Promise<{ challengeId: string; jobId: string }[]> {
  if (emails.length === 0) return [];
  return await db.transaction().execute(async (trx) => {
    const clock = await sql<{ expiresAt: Date }>`
      select duly.now() + make_interval(secs => ${validForMs / 1000}) as "expiresAt"
    `.execute(trx);
    const [{ expiresAt } = unanswered()] = clock.rows;
    const challenges = emails.map((email) => ({ id: randomUUID(), email }));
    const jobIds = await enqueueMany(
      trx,
      SendOtp,
      challenges.map(({ id }) => ({ payload: { challengeId: id }, expiresAt, correlationId })),
    );
    const rows = challenges.map(({ id, email }, place) => ({
      id,
      email,
      code_ciphertext: cipher.seal(sixDigits(), id),
      expires_at: expiresAt,
      job_id: jobIds[place] ?? unanswered(),
    }));
    await trx
      .$extendTables<NotificationsTables>()
      .insertInto("notifications.otp_challenges")
      .values(rows)
      .execute();
    return rows.map((row) => ({ challengeId: row.id, jobId: row.job_id }));
  });
}

function sixDigits(): string {
  return randomInt(1_000_000).toString().padStart(6, "0");
}

function unanswered(): never {
  throw new Error("PostgreSQL answered with fewer rows than it was asked for");
}
