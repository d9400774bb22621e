import type { z } from "zod";
import type { Fault, Faults } from "./faults.ts";
import { parseInput } from "./parse-input.ts";
import { type HttpReply, type HttpRequest, json } from "./serve-http.ts";

/**
 * The routes by which a part of the outside world is told to fail, the same for each: list, order, clear; `?kind=429`
 * clears that kind alone.
 */
export function faultRoutes<F extends Fault>(schema: z.ZodType<F>, faults: Faults<F>) {
  const list = (status: number) => json(status, { faults: faults.ordered });
  return {
    "GET /faults": () => list(200),
    "POST /faults": ({ body }: HttpRequest): HttpReply => {
      const fault = parseInput(schema, body);
      if (!fault.ok) return json(400, { error: fault.reason });
      faults.order(fault.value);
      return list(201);
    },
    "DELETE /faults": ({ url }: HttpRequest) => {
      faults.clear(url.searchParams.get("kind") ?? undefined);
      return list(200);
    },
  };
}
