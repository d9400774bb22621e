import { z } from "zod";
import { json } from "../serve-http.ts";
import type { Operation } from "./operation.ts";
import { readParameters } from "./read-parameters.ts";
import { renderIntent } from "./render.ts";
import { invalidRequest } from "./stripe-error.ts";
import type { PaymentIntent, Vault } from "./vault.ts";

const limit = z.coerce.number().int().min(1).max(100).default(10);
const List = z.strictObject({
  customer: z.string().optional(),
  created: z.object({ gte: z.coerce.number().optional(), lte: z.coerce.number().optional() }).optional(),
  starting_after: z.string().optional(),
  limit,
});
const Search = z.strictObject({ query: z.string().min(1), page: z.string().optional(), limit });

type Condition = (intent: PaymentIntent) => boolean;

/**
 * Lists of PaymentIntents, newest first.
 *
 * A list shows what was done a moment ago, a search does so only after a while: up to a minute at Stripe and up to an
 * hour in its bad times (its docs, "Search", "Data freshness"), `searchLagMs` here.
 */
export function findIntentOperations(vault: Vault, searchLagMs: number): readonly Operation[] {
  const newestFirst = () => [...vault.intents.values()].reverse();
  return [
    {
      name: "list",
      method: "GET",
      path: /^\/v1\/payment_intents$/,
      prepare: (request) => {
        const read = readParameters(List, request);
        if (!read.ok) return read.reply;
        const { customer, created, starting_after: after } = read.value;
        const act = () => {
          const all = newestFirst();
          const rest = after === undefined ? all : all.slice(all.findIndex(({ id }) => id === after) + 1);
          const found = rest.filter(
            (intent) =>
              (customer === undefined || intent.customer === customer) &&
              (created?.gte === undefined || intent.created >= created.gte * 1_000) &&
              (created?.lte === undefined || intent.created <= created.lte * 1_000 + 999),
          );
          return json(200, page("list", "/v1/payment_intents", found, read.value.limit));
        };
        return { about: customer === undefined ? [] : [customer], act };
      },
    },
    {
      name: "search",
      method: "GET",
      path: /^\/v1\/payment_intents\/search$/,
      prepare: (request) => {
        const read = readParameters(Search, request);
        if (!read.ok) return read.reply;
        const conditions = readQuery(read.value.query);
        if (conditions === undefined) {
          return invalidRequest(`We were unable to parse your search query: ${read.value.query}`, {
            param: "query",
          });
        }
        const act = () => {
          const newest = Date.now() - searchLagMs;
          const found = newestFirst().filter(
            (intent) => intent.changed <= newest && conditions.every((holds) => holds(intent)),
          );
          return json(200, page("search_result", "/v1/payment_intents/search", found, read.value.limit));
        };
        return { about: [], act };
      },
    },
  ];
}

function page(object: string, url: string, found: readonly PaymentIntent[], most: number) {
  const data = found.slice(0, most).map(renderIntent);
  return { object, url, has_more: found.length > most, data };
}

/** Understands `metadata['name']:'value'`, `status:'…'` and `customer:'…'`, joined by AND. */
function readQuery(query: string): Condition[] | undefined {
  const conditions = query.split(/\s+AND\s+/i).map(readCondition);
  return conditions.every((condition) => condition !== undefined) ? conditions : undefined;
}

function readCondition(text: string): Condition | undefined {
  const match = /^\s*(status|customer|metadata\[(["'])(.+)\2\])\s*:\s*(["'])(.*)\4\s*$/.exec(text);
  if (match === null) return undefined;
  const [, field = "", , name = "", , value = ""] = match;
  if (field === "status") return (intent) => intent.status === value;
  if (field === "customer") return (intent) => intent.customer === value;
  return ({ metadata }) => Object.hasOwn(metadata, name) && metadata[name] === value;
}
