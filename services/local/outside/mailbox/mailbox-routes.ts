import { z } from "zod";
import { faultRoutes } from "../fault-routes.ts";
import type { Faults } from "../faults.ts";
import { type HttpReply, type HttpRequest, json } from "../serve-http.ts";
import { MailFault } from "./mail-fault.ts";
import type { Mailbox } from "./mailbox.ts";
import { listPage, mailPage } from "./mailbox-page.ts";

const Query = z.object({
  to: z.string().optional(),
  subject: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  offset: z.coerce.number().int().min(0).default(0),
});
const PAGE_SIZE = 100;

/** Answers HTTP requests about the mailbox: JSON for programs, pages for people. */
export function mailboxRoutes(mailbox: Mailbox, faults: Faults<MailFault>) {
  const routes: Readonly<Record<string, (request: HttpRequest) => HttpReply>> = {
    "GET /mails": ({ url }) => {
      const query = Query.safeParse(Object.fromEntries(url.searchParams));
      if (!query.success) return json(400, { error: z.prettifyError(query.error) });
      return json(200, mailbox.find(query.data));
    },
    "GET /mails/count": () => json(200, mailbox.count()),
    "DELETE /mails": () => {
      mailbox.clear();
      return json(200, mailbox.count());
    },
    ...faultRoutes(MailFault, faults),
    "GET /": () => {
      const { mails } = mailbox.find({ limit: PAGE_SIZE, offset: 0 });
      return { kind: "html", status: 200, html: listPage(mails, mailbox.count()) };
    },
  };

  return (request: HttpRequest): HttpReply => {
    const { pathname } = request.url;
    const route = routes[`${request.method} ${pathname}`];
    if (route !== undefined) return route(request);
    const id = /^\/mail\/([\w-]+)$/.exec(pathname)?.[1];
    const mail = id === undefined ? undefined : mailbox.get(id);
    if (request.method === "GET" && mail !== undefined)
      return { kind: "html", status: 200, html: mailPage(mail) };
    return json(404, {
      error: `There is no ${request.method} ${pathname} here.`,
      routes: Object.keys(routes),
    });
  };
}
