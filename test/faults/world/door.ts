import { setTimeout as sleep } from "node:timers/promises";
import {
  type HttpReply,
  type HttpRequest,
  json,
  serveHttp,
} from "../../../services/local/outside/serve-http.ts";

/** A way of its own to a provider, with troubles of its own. */
export interface Door {
  readonly url: string;
  /** Refuses connections from now on; requests that are under way are answered. */
  readonly shut: () => Promise<void>;
  /** Takes connections again, on the same port. */
  readonly open: () => Promise<void>;
  /** Answers 503 to everything, or no longer. */
  readonly fail: (failing: boolean) => void;
  /** Requests since `countAnew`, and the most of them at once. */
  readonly counted: () => { readonly calls: number; readonly mostAtOnce: number };
  readonly countAnew: () => void;
  readonly stop: () => Promise<void>;
}

/** Long enough that two at once are seen to be. */
const FAILS_AFTER_MS = 20;

/** Opens a door to what `handle` answers. */
export async function openDoor(
  handle: (request: HttpRequest) => Promise<HttpReply> | HttpReply,
): Promise<Door> {
  let failing = false;
  let calls = 0;
  let atOnce = 0;
  let mostAtOnce = 0;
  const answer = async (request: HttpRequest): Promise<HttpReply> => {
    if (!failing) return handle(request);
    await sleep(FAILS_AFTER_MS);
    return json(503, { error: "closed for repairs" });
  };
  const counting = async (request: HttpRequest): Promise<HttpReply> => {
    calls += 1;
    atOnce += 1;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    try {
      const reply = await answer(request);
      // A connection that is kept would still be there when the door is shut.
      return reply.kind === "json" ? { ...reply, headers: { ...reply.headers, connection: "close" } } : reply;
    } finally {
      atOnce -= 1;
    }
  };
  let server = await serveHttp(0, counting);
  const { port } = server;
  return {
    url: `http://127.0.0.1:${port}`,
    shut: () => server.runOut(),
    open: async () => {
      server = await serveHttp(port, counting);
    },
    fail: (wanted) => {
      failing = wanted;
    },
    counted: () => ({ calls, mostAtOnce }),
    countAnew: () => {
      calls = 0;
      mostAtOnce = 0;
    },
    stop: () => server.stop(),
  };
}
