import { randomBytes } from "node:crypto";
import { type HttpReply, json } from "../serve-http.ts";

/** What an error of the Cloud API tells beside its status. */
export interface GraphErrorDetails {
  readonly message: string;
  readonly type?: string;
  readonly code: number;
  readonly subcode?: number;
  /** Goes to `error_data.details`. */
  readonly details?: string;
}

/** An error answer in the Cloud API's shape. */
export function graphError(
  status: number,
  error: GraphErrorDetails,
  headers: Record<string, string> = {},
): HttpReply {
  const { message, type = "OAuthException", code, subcode, details } = error;
  const shown = {
    message,
    type,
    code,
    ...(subcode === undefined ? {} : { error_subcode: subcode }),
    ...(details === undefined ? {} : { error_data: { messaging_product: "whatsapp", details } }),
    fbtrace_id: randomBytes(8).toString("base64url"),
  };
  return json(status, { error: shown }, headers);
}
