import type { HttpReply, HttpRequest } from "../serve-http.ts";
import type { OPERATIONS } from "./card-fault.ts";
import type { IssuerAnswer } from "./test-cards.ts";

/** A request that was understood and can be done. */
export interface Prepared {
  /** Whom it is about: ids of a customer, a payment method, a PaymentIntent. */
  readonly about: readonly string[];
  /** The PaymentIntent that no other request may touch meanwhile. */
  readonly locks?: string;
  /** Does it; what the issuer is told to say goes before what the card itself says. */
  readonly act: (context: { key: string | null; issuer: IssuerAnswer | undefined }) => HttpReply;
}

/** One kind of request of the API. */
export interface Operation {
  readonly name: (typeof OPERATIONS)[number];
  readonly method: "GET" | "POST";
  /** Its groups are handed to `prepare`. */
  readonly path: RegExp;
  /** Reads a request; an answer when it cannot be meant, and nothing of it is done. */
  readonly prepare: (request: HttpRequest, id: string) => Prepared | HttpReply;
}
