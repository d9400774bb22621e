import type { ColumnType } from "kysely";

type ContactsTable = {
  user_id: string;
  name: string;
  email: string;
};

type OtpChallengesTable = {
  id: string;
  email: string;
  code_ciphertext: Buffer;
  expires_at: Date;
  created_at: ColumnType<Date, never, never>;
  sent_at: ColumnType<Date | null, never, Date>;
  job_id: string;
};

/** The tables of notifications as Kysely sees them; types, for `$extendTables` takes no interface. */
export type NotificationsTables = {
  "notifications.contacts": ContactsTable;
  "notifications.otp_challenges": OtpChallengesTable;
};
