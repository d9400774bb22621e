import type { z } from "zod";
import type { Delivery } from "../broker/consume-queue.ts";
import { HEADER } from "../broker/headers.ts";
import { isUuid } from "../jobs/is-uuid.ts";
import type { LetterReason } from "../jobs/write-letter.ts";
import type { Handler } from "./handle.ts";

/** A delivery whose content its handler can take; whether it is live is for the fence to say. */
export interface ParsedDelivery {
  readonly ok: true;
  readonly id: string;
  readonly send: number;
  readonly handler: Handler;
  readonly payload: unknown;
}

/** A delivery that no handler may see. */
export interface UnfitDelivery {
  readonly ok: false;
  readonly reason: LetterReason;
  readonly message: string;
  /** What it says of its job, as far as that can be read. */
  readonly id: string | undefined;
  readonly send: number | undefined;
  readonly type: string | undefined;
}

/** Reads a message of a work queue; never throws. The type is the `type` property, never the routing key. */
export function parseDelivery(
  delivery: Delivery,
  handlers: ReadonlyMap<string, Handler>,
): ParsedDelivery | UnfitDelivery {
  const { type, body, headers } = delivery;
  const id = jobIdOf(delivery);
  const send = sendOf(headers);
  const unfit = (reason: LetterReason, message: string): UnfitDelivery => ({
    ok: false,
    reason,
    message,
    id,
    send,
    type,
  });

  const json = parseJson(body);
  if (!json.ok) return unfit("unreadable_message", `the body is no JSON: ${json.message}`);
  const handler = type === undefined ? undefined : handlers.get(type);
  if (handler === undefined) {
    return unfit("unknown_type", `no handler here for type ${type === undefined ? "(none)" : `"${type}"`}`);
  }
  const payload = handler.definition.payload.safeParse(json.value);
  if (!payload.success)
    return unfit("invalid_payload", `the payload does not fit ${type}: ${inOneLine(payload.error)}`);
  if (id === undefined) return unfit("unknown_job", "the message has no job id as its message_id");
  if (send === undefined) return unfit("unknown_job", `the message has no ${HEADER.send} header`);
  return { ok: true, id, send, handler, payload: payload.data };
}

/** The job's id as a message names it; undefined for anything that cannot be one. */
export function jobIdOf({ messageId }: Pick<Delivery, "messageId">): string | undefined {
  return messageId !== undefined && isUuid(messageId) ? messageId.toLowerCase() : undefined;
}

/** The number of the send that a message carries; undefined when it carries none. */
export function sendOf(headers: Delivery["headers"]): number | undefined {
  const send = headers[HEADER.send];
  return typeof send === "number" && Number.isSafeInteger(send) ? send : undefined;
}

function inOneLine(error: z.ZodError): string {
  return error.issues.map(({ path, message }) => `${path.join(".") || "(all of it)"}: ${message}`).join("; ");
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

function parseJson(content: Buffer): { ok: true; value: unknown } | { ok: false; message: string } {
  try {
    return { ok: true, value: JSON.parse(UTF8.decode(content)) as unknown };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}
