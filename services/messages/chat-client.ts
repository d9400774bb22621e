import { z } from "zod";
import { retryAfterMs } from "#shared/time/retry-after.ts";
import { chatError } from "./chat-error.ts";

/** One text to one phone. */
export interface ChatText {
  readonly to: string;
  readonly body: string;
  /** Comes back in the API's status webhooks: a second message with the same reference is recognisable. */
  readonly reference: string;
}

/** Sends chat messages. */
export interface ChatClient {
  /** Resolves with the API's id of the message, `wamid.…`; rejects with the errors of `chatError`. */
  readonly sendText: (text: ChatText, signal: AbortSignal) => Promise<string>;
}

/** Where the chat API is, and who is asking. */
export interface ChatClientOptions {
  readonly url: string;
  readonly token: string;
  readonly phoneId: string;
}

const Accepted = z.object({ messages: z.tuple([z.object({ id: z.string().min(1) })], z.unknown()) });

/** Makes a client of WhatsApp's Cloud API, `POST /{version}/{phone id}/messages`. */
export function chatClient({ url, token, phoneId }: ChatClientOptions): ChatClient {
  const address = new URL(`/v20.0/${phoneId}/messages`, url);
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };

  return {
    sendText: async ({ to, body, reference }, signal) => {
      const request = {
        messaging_product: "whatsapp",
        recipient_type: "individual",
        to,
        type: "text",
        text: { preview_url: false, body },
        biz_opaque_callback_data: reference,
      };
      const answer = await exchange(address, {
        method: "POST",
        headers,
        body: JSON.stringify(request),
        signal,
      });
      if (answer.status < 200 || answer.status > 299) throw chatError(answer);
      return wamidOf(answer.body);
    },
  };
}

async function exchange(address: URL, request: RequestInit) {
  try {
    // A redirect would carry the token elsewhere and turn the POST into a GET.
    const response = await fetch(address, { ...request, redirect: "manual" });
    return {
      status: response.status,
      body: await response.text(),
      retryAfterMs: retryAfterMs(response.headers.get("retry-after"), Date.now()),
    };
  } catch (broken) {
    throw chatError({ broken });
  }
}

function wamidOf(body: string): string {
  try {
    return Accepted.parse(JSON.parse(body)).messages[0].id;
  } catch (broken) {
    throw chatError({ broken });
  }
}
