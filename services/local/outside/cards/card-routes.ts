import { z } from "zod";
import { faultRoutes } from "../fault-routes.ts";
import type { Faults } from "../faults.ts";
import { type HttpReply, type HttpRequest, json } from "../serve-http.ts";
import { AnswerOnce } from "./answer-once.ts";
import { answerRequest, type Desk } from "./answer-request.ts";
import { CardFault } from "./card-fault.ts";
import { chargeSummary } from "./charge-summary.ts";
import { customerOperations } from "./customers.ts";
import { findIntentOperations } from "./find-intents.ts";
import { paymentIntentOperations } from "./payment-intents.ts";
import type { Vault } from "./vault.ts";

const Page = z.object({
  limit: z.coerce.number().int().min(0).max(10_000).default(100),
  offset: z.coerce.number().int().min(0).default(0),
});

/** Answers HTTP requests: Stripe's own below /v1, and those for reading the charges, for faults and for keys. */
export function cardRoutes(vault: Vault, secret: string, faults: Faults<CardFault>, searchLagMs: number) {
  const answers = new AnswerOnce(vault);
  const operations = [
    ...customerOperations(vault),
    ...paymentIntentOperations(vault),
    ...findIntentOperations(vault, searchLagMs),
  ];
  const desk: Desk = { secret, answers, faults, operations, locked: new Set() };
  const routes: Readonly<Record<string, (request: HttpRequest) => HttpReply>> = {
    "GET /charges": ({ url }) => {
      const page = Page.safeParse(Object.fromEntries(url.searchParams));
      if (!page.success) return json(400, { error: z.prettifyError(page.error) });
      return json(200, chargeSummary(vault, page.data));
    },
    ...faultRoutes(CardFault, faults),
    "DELETE /keys": () => {
      answers.forgetAll();
      return json(200, { keys: vault.answers.size });
    },
  };
  return async (request: HttpRequest): Promise<HttpReply> => {
    const { pathname } = request.url;
    if (pathname.startsWith("/v1/")) return answerRequest(desk, request);
    const route = routes[`${request.method} ${pathname}`];
    if (route !== undefined) return route(request);
    return json(404, {
      error: `There is no ${request.method} ${pathname} here.`,
      routes: Object.keys(routes),
    });
  };
}
