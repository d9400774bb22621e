import { z } from "zod";

const Port = z.coerce.number().int().min(0).max(65_535);

/** What the mailbox reads from its environment; port 0 takes a free one. */
export const MailboxConfig = z.object({ SMTP_PORT: Port, HTTP_PORT: Port, DATA_FILE: z.string().min(1) });
