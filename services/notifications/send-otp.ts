import { sql } from "kysely";
import { SendOtp } from "#shared/contracts/notifications.ts";
import { type Database, handle, PermanentError } from "#shared/index.ts";
import { type Mailer, SMTP } from "./mailer.ts";
import type { OtpCipher } from "./otp-cipher.ts";
import { otpMail } from "./otp-mail.ts";
import type { NotificationsTables } from "./tables.ts";

/** What sending codes needs. */
export interface SendOtpParts {
  readonly mailer: Mailer;
  readonly cipher: OtpCipher;
}

/**
 * Mails the code of a challenge, and never an expired one.
 *
 * SMTP knows no keys, so after a lost answer the mail is sent again, with the same Message-ID.
 */
export function sendOtp({ mailer, cipher }: SendOtpParts) {
  return handle(SendOtp, {
    effects: "atLeastOnce",
    uses: [SMTP],
    perform: async ({ payload: { challengeId }, intent, signal, db }) => {
      const challenge = await findChallenge(db, challengeId);
      if (challenge.expired) {
        throw new PermanentError(
          "otp_expired",
          `challenge ${challengeId} expired at ${challenge.expires_at.toISOString()}`,
        );
      }
      const words = otpMail(cipher.open(challenge.code_ciphertext, challengeId), challenge.expires_at);
      return await mailer.send(
        { key: intent.key, to: { name: "", address: challenge.email }, ...words },
        signal,
      );
    },
    record: async (trx, receipt, { payload: { challengeId } }) => {
      await trx
        .$extendTables<NotificationsTables>()
        .updateTable("notifications.otp_challenges")
        .set({ sent_at: sql<Date>`duly.now()` })
        .where("id", "=", challengeId)
        .execute();
      return { messageId: receipt.messageId };
    },
  });
}

async function findChallenge(db: Database, id: string) {
  const challenge = await db
    .$extendTables<NotificationsTables>()
    .selectFrom("notifications.otp_challenges")
    .select(["email", "code_ciphertext", "expires_at", sql<boolean>`expires_at <= duly.now()`.as("expired")])
    .where("id", "=", id)
    .executeTakeFirst();
  if (challenge === undefined) throw new PermanentError("otp_unknown", `there is no challenge ${id}`);
  return challenge;
}
