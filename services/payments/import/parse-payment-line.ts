import { z } from "zod";
import type { Priority } from "#shared/index.ts";
import { priorityOf, type Thresholds } from "../priority-of.ts";
import { parseTokenAmount } from "../token-amount.ts";
import { parseScheduledFor } from "./parse-scheduled-for.ts";
import {
  ERC20,
  type KnownCurrency,
  PAYMENT_METHODS,
  type PaymentMethod,
  shorten,
} from "./payment-methods.ts";
import { COLUMNS, type Header } from "./read-header.ts";

/** A payment as a line asks for it; its payer is not looked up yet. */
export interface PaymentLine {
  readonly line: number;
  readonly reference: string;
  readonly payer: string;
  readonly recipient: string;
  readonly amount: bigint;
  readonly currency: string;
  readonly method: PaymentMethod["name"];
  readonly urgent: boolean;
  readonly scheduledFor: Date | undefined;
  readonly scheduledForGiven: string;
  readonly priority: Priority;
}

/** Why a line was not imported. */
export interface LineFault {
  readonly line: number;
  readonly reason: string;
}

/** What lines are read against. */
export interface ImportTerms {
  /** By symbol. */
  readonly tokens: ReadonlyMap<string, KnownCurrency>;
  /** By their codes in ISO 4217. */
  readonly currencies: ReadonlyMap<string, KnownCurrency>;
  readonly thresholds: Thresholds;
  /** What relative times count from. */
  readonly start: Date;
}

const METHODS = [...PAYMENT_METHODS.keys()].join(" and ");

const URGENT: ReadonlyMap<string, boolean> = new Map([
  ["", false],
  ["false", false],
  ["no", false],
  ["0", false],
  ["true", true],
  ["yes", true],
  ["1", true],
]);

/** Makes the reader of one file's lines; it returns a payment, or every reason why a line is none. */
export function paymentLineParser(header: Header, terms: ImportTerms) {
  const schemas = new Map([...PAYMENT_METHODS].map(([name, method]) => [name, lineSchema(terms, method)]));
  // A method that is none is refused by any of them, beside whatever else is wrong with the line.
  const usual = lineSchema(terms, ERC20);
  const place = header.method;
  return (line: number, fields: readonly string[]): PaymentLine | LineFault => {
    if (fields.length !== header.width) {
      return { line, reason: `the line has ${fields.length} fields, the header ${header.width}` };
    }
    const given = COLUMNS.map((column) => {
      const at = header[column];
      return [column, at === undefined ? "" : (fields[at] ?? "")] as const;
    });
    const schema = schemas.get(place === undefined ? "" : (fields[place] ?? "")) ?? usual;
    const parsed = schema.safeParse(Object.fromEntries(given));
    if (!parsed.success)
      return { line, reason: parsed.error.issues.map(({ message }) => message).join("; ") };
    return { line, ...parsed.data };
  };
}

function lineSchema(terms: ImportTerms, method: PaymentMethod) {
  const { thresholds, start } = terms;
  const currencies = terms[method.currencies];
  const known = [...currencies.keys()].join(", ");
  return z
    .object({
      // \P{C}: PostgreSQL takes no NUL, and nobody could read the others.
      reference: z.string().regex(/^\P{C}{1,200}$/u, "reference must have 1 to 200 printable characters"),
      payer: z.string().regex(/^\P{C}{1,200}$/u, "payer must be the id of a known user"),
      recipient: z.string().transform((text, context) => {
        const recipient = method.recipient(text);
        return "fault" in recipient ? refuse(context, recipient.fault) : recipient.value;
      }),
      currency: z.string().refine((symbol) => currencies.has(symbol), {
        error: ({ input }) =>
          `currency "${shorten(input)}" is not known (known: ${known || "none; run: npm run duly -- seed payments"})`,
      }),
      amount: z.string(),
      method: z.literal(method.name, {
        error: ({ input }) => `method "${shorten(input)}" is not supported (${METHODS} are)`,
      }),
      scheduled_for: z.string().transform((text, context) => {
        const due = parseScheduledFor(text, start);
        return "fault" in due ? refuse(context, due.fault) : due;
      }),
      urgent: z.string().transform((text, context) => {
        return (
          URGENT.get(text.toLowerCase()) ??
          refuse(context, `urgent "${shorten(text)}" is neither true, false nor empty`)
        );
      }),
    })
    .transform(({ amount: written, scheduled_for: due, ...rest }, context) => {
      const currency = currencies.get(rest.currency);
      if (currency === undefined) return z.NEVER;
      const parsed = parseTokenAmount(written, currency.decimals);
      if ("fault" in parsed) return refuse(context, parsed.fault);
      const { amount } = parsed;
      const fault = method.amountFault(rest.currency, amount);
      if (fault !== undefined) return refuse(context, fault);
      const priority = priorityOf({ ...currency, amount, urgent: rest.urgent }, thresholds);
      return { ...rest, amount, priority, scheduledFor: due.at, scheduledForGiven: due.given };
    });
}

function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: "custom", message });
  return z.NEVER;
}
