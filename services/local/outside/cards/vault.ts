import { randomBytes } from "node:crypto";
import { type Journal, openJournal } from "./journal.ts";

/** Somebody who can be charged. */
export interface Customer {
  readonly id: string;
  readonly name: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly created: number;
}

/** A card that is attached to a customer. */
export interface PaymentMethod {
  readonly id: string;
  readonly customer: string;
  /** The test card that it was made from. */
  readonly token: string;
  readonly created: number;
}

/** Why the last charge of a PaymentIntent was declined. */
export interface PaymentError {
  readonly message: string;
  readonly code: string;
  readonly decline_code: string;
  readonly charge: string;
  readonly advice_code?: string;
  readonly network_advice_code?: string;
}

/** One payment on its way; it succeeds once at most. */
export interface PaymentIntent {
  readonly id: string;
  readonly amount: number;
  readonly currency: string;
  readonly customer: string | null;
  readonly paymentMethod: string | null;
  readonly description: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly status: "requires_payment_method" | "requires_confirmation" | "succeeded" | "canceled";
  readonly latestCharge: string | null;
  readonly lastError: PaymentError | null;
  /** Milliseconds; the API shows seconds. */
  readonly created: number;
  readonly changed: number;
}

/** One try to take money, declined ones too. */
export interface Charge {
  readonly id: string;
  readonly paymentIntent: string;
  readonly customer: string | null;
  readonly paymentMethod: string;
  readonly amount: number;
  readonly currency: string;
  readonly paid: boolean;
  readonly declineCode: string | null;
  readonly idempotencyKey: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly created: number;
}

/** The answer that a key has got, for its repetitions. */
export interface SavedAnswer {
  readonly key: string;
  /** Of the method, the path and the parameters. */
  readonly fingerprint: string;
  readonly status: number;
  readonly json: unknown;
  readonly requestId: string;
  readonly at: number;
}

interface Kept {
  readonly customer: Customer;
  readonly method: PaymentMethod;
  readonly intent: PaymentIntent;
  readonly charge: Charge;
  readonly answer: SavedAnswer;
  readonly forgotAnswers: true;
}
type Entry = { [Kind in keyof Kept]: readonly [Kind, Kept[Kind]] }[keyof Kept];

/** Everything that the processor knows, kept in a file: what was answered is there after a kill. */
export class Vault {
  readonly customers = new Map<string, Customer>();
  readonly methods = new Map<string, PaymentMethod>();
  readonly intents = new Map<string, PaymentIntent>();
  readonly charges = new Map<string, Charge>();
  readonly answers = new Map<string, SavedAnswer>();
  #journal: Journal | undefined;

  static async open(file: string): Promise<Vault> {
    const vault = new Vault();
    vault.#journal = await openJournal(file, (entry) => vault.#take(entry as Entry));
    return vault;
  }

  /** Keeps a new thing, or the next version of one; on return it is in the file. */
  keep(...entry: Entry): void {
    this.#journal?.append(entry);
    this.#take(entry);
  }

  close(): void {
    this.#journal?.close();
  }

  #take([kind, value]: Entry): void {
    switch (kind) {
      case "customer":
        this.customers.set(value.id, value);
        return;
      case "method":
        this.methods.set(value.id, value);
        return;
      case "intent":
        this.intents.set(value.id, value);
        return;
      case "charge":
        this.charges.set(value.id, value);
        return;
      case "answer":
        this.answers.set(value.key, value);
        return;
      case "forgotAnswers":
        this.answers.clear();
    }
  }
}

/** A new id as Stripe writes them: `pi_…`. */
export function newId(prefix: "ch" | "cus" | "pi" | "pm" | "req"): string {
  return `${prefix}_${randomBytes(12).toString("hex")}`;
}
