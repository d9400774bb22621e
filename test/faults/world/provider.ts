import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import {
  type HttpReply,
  type HttpRequest,
  json,
  serveHttp,
} from "../../../services/local/outside/serve-http.ts";
import { type Door, openDoor } from "./door.ts";
import type { Random } from "./random.ts";

/** How often, of 1, the provider does something else with an order than to follow and answer it. */
export interface ProviderFaults {
  /** The effect is there, and the connection is cut. */
  readonly effectThenCut?: number;
  /** The effect is there, and nothing is ever answered: whoever waits gives up by its own time limit. */
  readonly effectThenSilence?: number;
  /** The effect comes when whoever waited has long given up, and perhaps asked. */
  readonly silenceThenEffect?: number;
  readonly effectThenGatewayError?: number;
  readonly serverError?: number;
  readonly tooMany?: number;
}

/** Troubles of the provider with the jobs of one round. */
export interface Misbehaviour extends ProviderFaults {
  /** How often, of 1, it does not say what became of an order. */
  readonly unanswered?: number;
}

/** A provider of outside effects, which counts them for each job. */
export interface Provider {
  readonly url: string;
  /** Ways to the same effects for kinds of jobs that name what they use. */
  readonly doors: Readonly<Record<"refusing" | "failing", Door>>;
  /** Effects of a round, by job. */
  readonly effectsOf: (round: string) => ReadonlyMap<string, number>;
  /** How often it did something else in a round, by fault. */
  readonly struck: (round: string) => Readonly<Record<string, number>>;
  readonly misbehave: (round: string, faults: Misbehaviour) => void;
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
/** Both longer than its callers wait (3 s): the first for as long as they live, the second while they ask. */
const SILENT_MS = 60_000;
const LATE_MS = 4500;

/**
 * Starts it in this process. A request without a key has its effect each time; one with a key the first time, unless
 * the key was closed before: `DELETE` answers as `GET`, and closes a key that has had no effect.
 */
export async function startProvider(random: Random): Promise<Provider> {
  const rounds = new Map<string, Map<string, number>>();
  const keys = new Map<string, string>();
  const closed = new Set<string>();
  const troubles = new Map<string, Misbehaviour>();
  const struck = new Map<string, Record<string, number>>();

  const apply = (job: string, round: string, key: string | undefined): string => {
    const before = key === undefined ? undefined : keys.get(key);
    if (before !== undefined) return before;
    const counts = rounds.get(round) ?? new Map<string, number>();
    rounds.set(round, counts.set(job, (counts.get(job) ?? 0) + 1));
    const effect = `${job}#${counts.get(job)}`;
    if (key !== undefined) keys.set(key, effect);
    return effect;
  };
  const fault = (round: string): keyof ProviderFaults | undefined => {
    const { unanswered: _, ...faults } = troubles.get(round) ?? {};
    return random.draw(faults);
  };
  const count = (round: string, wanted: keyof ProviderFaults) => {
    const counts = struck.get(round) ?? {};
    struck.set(round, { ...counts, [wanted]: (counts[wanted] ?? 0) + 1 });
  };
  const order = async ({ body }: HttpRequest): Promise<HttpReply> => {
    const { job, round, delayMs, hopeless, key } = Order.parse(JSON.parse(body));
    await sleep(delayMs);
    if (hopeless) return json(402, { error: "refused" });
    const wanted = fault(round);
    if (wanted !== undefined) count(round, wanted);
    if (wanted === "serverError") return json(500, { error: "out of order" });
    if (wanted === "tooMany") return json(429, { error: "too many" }, { "retry-after": "1" });
    if (wanted === "silenceThenEffect") await sleep(LATE_MS);
    if (key !== undefined && closed.has(key)) return json(409, { error: "this key is closed" });
    const effect = apply(job, round, key);
    if (wanted === "effectThenCut") return { kind: "cut", afterMs: CUT_MS };
    if (wanted === "effectThenSilence") return { kind: "cut", afterMs: SILENT_MS };
    if (wanted === "effectThenGatewayError") return json(504, { error: "the gateway waited too long" });
    return json(200, { effect });
  };

  const answer = ({ method, url }: HttpRequest): HttpReply => {
    const key = decodeURIComponent(url.pathname.split("/").at(-1) ?? "");
    const { unanswered = 0 } = troubles.get(url.searchParams.get("round") ?? "") ?? {};
    if (random.next() < unanswered) return json(500, { error: "cannot tell" });
    const effect = keys.get(key);
    if (effect !== undefined) return json(200, { effect });
    if (method === "DELETE") closed.add(key);
    return json(404, {});
  };
  const handle = (request: HttpRequest) => (request.method === "POST" ? order(request) : answer(request));
  const server = await serveHttp(0, handle);
  const doors = { refusing: await openDoor(handle), failing: await openDoor(handle) };
  return {
    url: `http://127.0.0.1:${server.port}`,
    doors,
    effectsOf: (round) => rounds.get(round) ?? new Map(),
    struck: (round) => struck.get(round) ?? {},
    misbehave: (round, faults) => troubles.set(round, faults),
    stop: async () => {
      await Promise.all([server.stop(), ...Object.values(doors).map((door) => door.stop())]);
    },
  };
}
