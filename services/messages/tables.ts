import type { ColumnType } from "kysely";

type MessagesTable = {
  id: string;
  conversation_id: string;
  recipient_phone: string;
  body: string;
  state: ColumnType<"pending" | "sent" | "failed", never, "sent" | "failed">;
  provider_message_id: ColumnType<string | null, never, string>;
  failure: ColumnType<string | null, never, string | null>;
  job_id: string;
  created_at: ColumnType<Date, never, never>;
  sent_at: ColumnType<Date | null, never, Date>;
};

/** The table of messages as Kysely sees it; types, for `$extendTables` takes no interface. */
export type MessagesTables = {
  "messages.messages": MessagesTable;
};
