import { z } from "zod";
import { json } from "../serve-http.ts";
import type { Operation } from "./operation.ts";
import { Metadata, readParameters } from "./read-parameters.ts";
import { renderCustomer, renderMethod } from "./render.ts";
import { missing } from "./stripe-error.ts";
import { isTestCard } from "./test-cards.ts";
import { newId, type Vault } from "./vault.ts";

const Creation = z.strictObject({
  name: z.string().max(256).optional(),
  payment_method: z.string().optional(),
  metadata: Metadata,
});
const Page = z.strictObject({ type: z.string().optional(), limit: z.coerce.number().int().optional() });

/** Customers: created with a test card, and their cards listed. */
export function customerOperations(vault: Vault): readonly Operation[] {
  return [
    {
      name: "customer",
      method: "POST",
      path: /^\/v1\/customers$/,
      prepare: (request) => {
        const read = readParameters(Creation, request);
        if (!read.ok) return read.reply;
        const { name = null, metadata, payment_method: token } = read.value;
        if (token !== undefined && !isTestCard(token)) return missing("PaymentMethod", token);
        const act = () => {
          const created = Date.now();
          const customer = { id: newId("cus"), name, metadata, created };
          vault.keep("customer", customer);
          if (token !== undefined) {
            vault.keep("method", { id: newId("pm"), customer: customer.id, token, created });
          }
          return json(200, renderCustomer(customer));
        };
        return { about: [], act };
      },
    },
    {
      name: "customer",
      method: "GET",
      path: /^\/v1\/customers\/([^/]+)\/payment_methods$/,
      prepare: (request, id) => {
        const read = readParameters(Page, request);
        if (!read.ok) return read.reply;
        if (!vault.customers.has(id)) return missing("customer", id);
        const act = () => {
          const own = [...vault.methods.values()].filter(({ customer }) => customer === id);
          return json(200, {
            object: "list",
            data: own.map(renderMethod),
            has_more: false,
            url: request.url.pathname,
          });
        };
        return { about: [id], act };
      },
    },
  ];
}
