import { Faults } from "../faults.ts";
import { runOutside } from "../run-outside.ts";
import { serveHttp } from "../serve-http.ts";
import { MailboxConfig } from "./config.ts";
import type { MailFault } from "./mail-fault.ts";
import { Mailbox } from "./mailbox.ts";
import { mailboxRoutes } from "./mailbox-routes.ts";
import { serveSmtp } from "./serve-smtp.ts";

await runOutside("mailbox", MailboxConfig, async ({ SMTP_PORT, HTTP_PORT, DATA_FILE }, log) => {
  const mailbox = new Mailbox(DATA_FILE);
  const faults = new Faults<MailFault>();
  const http = await serveHttp(HTTP_PORT, mailboxRoutes(mailbox, faults));
  const smtp = await serveSmtp(SMTP_PORT, mailbox, faults, log);
  return {
    addresses: { smtpPort: smtp.port, httpPort: http.port },
    stop: async () => {
      await Promise.all([smtp.stop(), http.stop()]);
      mailbox.close();
    },
  };
});
