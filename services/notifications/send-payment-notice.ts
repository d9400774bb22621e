import { SendPaymentNotice } from "#shared/contracts/notifications.ts";
import { type Database, handle, PermanentError } from "#shared/index.ts";
import { type Mailer, SMTP } from "./mailer.ts";
import { paymentNoticeMail } from "./payment-notice-mail.ts";
import type { NotificationsTables } from "./tables.ts";

/** Mails the payer what became of a payment; after a lost answer again, with the same Message-ID. */
export function sendPaymentNotice(mailer: Mailer) {
  return handle(SendPaymentNotice, {
    effects: "atLeastOnce",
    uses: [SMTP],
    perform: async ({ payload, intent, signal, db }) => {
      const contact = await findContact(db, payload.payer);
      const to = { name: contact.name, address: contact.email };
      return await mailer.send({ key: intent.key, to, ...paymentNoticeMail(contact.name, payload) }, signal);
    },
    record: async (_trx, receipt) => ({ messageId: receipt.messageId }),
  });
}

async function findContact(db: Database, userId: string) {
  const contact = await db
    .$extendTables<NotificationsTables>()
    .selectFrom("notifications.contacts")
    .select(["name", "email"])
    .where("user_id", "=", userId)
    .executeTakeFirst();
  if (contact === undefined) {
    throw new PermanentError(
      "contact_unknown",
      `nobody with the id "${userId}" stands in notifications.contacts`,
    );
  }
  return contact;
}
