import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import {
  type HttpReply,
  type HttpRequest,
  json,
  serveHttp,
} from "../../../services/local/outside/serve-http.ts";
import type { Random } from "./random.ts";

/** How often, of 1, the provider does something else than what it was asked and answer. */
export interface ProviderFaults {
  readonly effectThenSilence?: number;
  readonly effectThenGatewayError?: number;
  readonly serverError?: number;
  readonly tooMany?: number;
}

/** A provider of outside effects, which counts them for each job. */
export interface Provider {
  readonly url: string;
  /** Effects of a round, by job. */
  readonly effectsOf: (round: string) => ReadonlyMap<string, number>;
  /** How often it did something else since it began. */
  readonly struck: () => number;
  readonly misbehave: (faults: ProviderFaults) => void;
  readonly stop: () => Promise<void>;
}

const Order = z.object({
  job: z.uuid(),
  round: z.string(),
  delayMs: z.number(),
  hopeless: z.boolean(),
  key: z.string().optional(),
});
const CUT_MS = 50;

/** Starts it in this process. A request without a key has its effect each time; one with a key the first time. */
export async function startProvider(random: Random): Promise<Provider> {
  const rounds = new Map<string, Map<string, number>>();
  const keys = new Map<string, string>();
  let faults: ProviderFaults = {};
  let struck = 0;

  const apply = (job: string, round: string, key: string | undefined): string => {
    const before = key === undefined ? undefined : keys.get(key);
    if (before !== undefined) return before;
    const counts = rounds.get(round) ?? new Map<string, number>();
    rounds.set(round, counts.set(job, (counts.get(job) ?? 0) + 1));
    const effect = `${job}#${counts.get(job)}`;
    if (key !== undefined) keys.set(key, effect);
    return effect;
  };
  const fault = (): keyof ProviderFaults | undefined => {
    let left = random.next();
    for (const [name, share] of Object.entries(faults) as [keyof ProviderFaults, number][]) {
      if (left < share) return name;
      left -= share;
    }
    return undefined;
  };
  const order = async ({ body }: HttpRequest): Promise<HttpReply> => {
    const { job, round, delayMs, hopeless, key } = Order.parse(JSON.parse(body));
    await sleep(delayMs);
    if (hopeless) return json(402, { error: "refused" });
    const wanted = fault();
    if (wanted !== undefined) struck += 1;
    if (wanted === "serverError") return json(500, { error: "out of order" });
    if (wanted === "tooMany") return json(429, { error: "too many" }, { "retry-after": "1" });
    const effect = apply(job, round, key);
    if (wanted === "effectThenSilence") return { kind: "cut", afterMs: CUT_MS };
    if (wanted === "effectThenGatewayError") return json(504, { error: "the gateway waited too long" });
    return json(200, { effect });
  };

  const server = await serveHttp(0, (request) => {
    if (request.method === "POST") return order(request);
    const effect = keys.get(decodeURIComponent(request.url.pathname.split("/").at(-1) ?? ""));
    return effect === undefined ? json(404, {}) : json(200, { effect });
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    effectsOf: (round) => rounds.get(round) ?? new Map(),
    struck: () => struck,
    misbehave: (wanted) => {
      faults = wanted;
    },
    stop: server.stop,
  };
}
