import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Faults } from "../faults.ts";
import { parseInput } from "../parse-input.ts";
import { type HttpReply, json } from "../serve-http.ts";
import type { ChatFault } from "./chat-fault.ts";
import type { Conversations } from "./conversations.ts";
import { graphError } from "./graph-error.ts";
import { MessageRequest } from "./message-request.ts";

/** Answers `POST /v20.0/{phoneId}/messages` of somebody who has shown the token. */
export async function sendText(
  body: string,
  conversations: Conversations,
  faults: Faults<ChatFault>,
): Promise<HttpReply> {
  const request = parseInput(MessageRequest, body);
  if (!request.ok) return invalid(body, request.reason);
  const { to, text, biz_opaque_callback_data: callbackData = null } = request.value;

  const fault = faults.take(["slow", "5xx", "429", "reset", "timeout-after-effect"], [to]);
  if (fault?.kind === "reset") return { kind: "cut", afterMs: 0 };
  if (fault?.kind === "429") return tooMany(fault.retryAfterS);
  if (fault?.kind === "5xx")
    return graphError(fault.status, { message: "Something went wrong", code: 131_000 });
  if (fault?.kind === "slow") await sleep(fault.delayMs);

  const { id } = conversations.send(to, text.body, callbackData, new Date());
  if (fault?.kind === "timeout-after-effect") return { kind: "cut", afterMs: fault.delayMs };
  const input = (JSON.parse(body) as { to: string }).to;
  return json(200, {
    messaging_product: "whatsapp",
    contacts: [{ input, wa_id: to }],
    messages: [{ id }],
  });
}

const Typed = z.object({ type: z.string() });

// The API has one code for a parameter that is wrong, one for a value that is, one for a kind of message unknown.
function invalid(body: string, details: string): HttpReply {
  const typed = parseInput(Typed, body);
  if (typed.ok && typed.value.type !== "text") {
    return graphError(400, { message: "(#131051) Unsupported message type", code: 131_051, details });
  }
  if (/\b(to|text\.body): /.test(details)) {
    return graphError(400, { message: "(#131009) Parameter value is not valid", code: 131_009, details });
  }
  return graphError(400, { message: "(#100) Invalid parameter", code: 100, details });
}

function tooMany(retryAfterS: number): HttpReply {
  const details = "Too many messages were sent in a short time.";
  const error = { message: "(#130429) Rate limit hit", code: 130_429, details };
  return graphError(429, error, { "retry-after": String(retryAfterS) });
}
