import { z } from "zod";
import {
  type HttpReply,
  type HttpRequest,
  json,
  serveHttp,
} from "../../../../services/local/outside/serve-http.ts";
import type { Random } from "../random.ts";

/** How often, of 1, a request meets what: those with "After" when the chain has done it. */
export interface ChainFaults {
  readonly cutAfter?: number;
  readonly unavailableAfter?: number;
  readonly unavailable?: number;
  readonly tooMany?: number;
}

/** The way to the chain's node, which gets lost at times. */
export interface ChainProxy {
  readonly url: string;
  /** From now on: for signed bytes, and for everything else. */
  readonly misbehave: (sending: ChainFaults, asking: ChainFaults) => void;
  /** How often each fault struck. */
  readonly struck: () => Readonly<Record<string, number>>;
  readonly stop: () => Promise<void>;
}

const Call = z.object({ method: z.string() });

/** Starts it in front of a chain. */
export async function startChainProxy(target: string, random: Random): Promise<ChainProxy> {
  let [sending, asking]: readonly ChainFaults[] = [{}, {}];
  const struck: Record<string, number> = {};

  const pass = async (body: string): Promise<HttpReply> => {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(target, { method: "POST", body, headers });
    return json(answer.status, await answer.json());
  };
  const server = await serveHttp(0, async ({ body }: HttpRequest) => {
    const isSending = Call.parse(JSON.parse(body)).method === "eth_sendRawTransaction";
    const fault = random.draw((isSending ? sending : asking) ?? {});
    if (fault === undefined) return pass(body);
    const name = `chain: ${fault} ${isSending ? "(transfer)" : "(question)"}`;
    struck[name] = (struck[name] ?? 0) + 1;
    if (fault === "tooMany") return json(429, { error: "too many" }, { "retry-after": "1" });
    if (fault !== "unavailable") await pass(body);
    return fault === "cutAfter" ? { kind: "cut", afterMs: 20 } : json(503, { error: "unavailable" });
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    misbehave: (whenSending, whenAsking) => {
      [sending, asking] = [whenSending, whenAsking];
    },
    struck: () => ({ ...struck }),
    stop: server.stop,
  };
}
