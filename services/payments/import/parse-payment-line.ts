import { z } from "zod";
import type { Priority } from "#shared/index.ts";
import { type Hex, parseAddress } from "../chain/address.ts";
import { priorityOf, type Thresholds } from "../priority-of.ts";
import { parseTokenAmount } from "../token-amount.ts";
import { parseScheduledFor } from "./parse-scheduled-for.ts";
import { COLUMNS, type Header } from "./read-header.ts";

/** A payment as a line asks for it; its payer is not looked up yet. */
export interface PaymentLine {
  readonly line: number;
  readonly reference: string;
  readonly payer: string;
  readonly recipient: Hex;
  readonly amount: bigint;
  readonly currency: string;
  readonly method: string;
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

/** A token as the import must know it. */
export interface KnownToken {
  readonly decimals: number;
  /** Decimal text. */
  readonly usdRate: string;
}

/** What lines are read against. */
export interface ImportTerms {
  /** By symbol. */
  readonly tokens: ReadonlyMap<string, KnownToken>;
  readonly thresholds: Thresholds;
  /** What relative times count from. */
  readonly start: Date;
}

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
  const schema = lineSchema(terms);
  return (line: number, fields: readonly string[]): PaymentLine | LineFault => {
    if (fields.length !== header.width) {
      return { line, reason: `the line has ${fields.length} fields, the header ${header.width}` };
    }
    const given = COLUMNS.map((column) => {
      const place = header[column];
      return [column, place === undefined ? "" : (fields[place] ?? "")] as const;
    });
    const parsed = schema.safeParse(Object.fromEntries(given));
    if (!parsed.success)
      return { line, reason: parsed.error.issues.map(({ message }) => message).join("; ") };
    return { line, ...parsed.data };
  };
}

function lineSchema({ tokens, thresholds, start }: ImportTerms) {
  const known = [...tokens.keys()].join(", ");
  return z
    .object({
      // \P{C}: PostgreSQL takes no NUL, and nobody could read the others.
      reference: z.string().regex(/^\P{C}{1,200}$/u, "reference must have 1 to 200 printable characters"),
      payer: z.string().regex(/^\P{C}{1,200}$/u, "payer must be the id of a known user"),
      recipient: z
        .string()
        .transform((text, context) => parseAddress(text) ?? refuse(context, recipientFault(text))),
      currency: z.string().refine((symbol) => tokens.has(symbol), {
        error: ({ input }) =>
          `currency "${shorten(input)}" is not known (known: ${known || "none; run: npm run duly -- seed payments"})`,
      }),
      amount: z.string(),
      method: z.literal("erc20", {
        error: ({ input }) => `method "${shorten(input)}" is not supported (only erc20 is)`,
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
      const token = tokens.get(rest.currency);
      if (token === undefined) return z.NEVER;
      const parsed = parseTokenAmount(written, token.decimals);
      if ("fault" in parsed) return refuse(context, parsed.fault);
      const { amount } = parsed;
      const priority = priorityOf({ ...token, amount, urgent: rest.urgent }, thresholds);
      return { ...rest, amount, priority, scheduledFor: due.at, scheduledForGiven: due.given };
    });
}

function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: "custom", message });
  return z.NEVER;
}

function recipientFault(text: string): string {
  return /^0x[0-9a-fA-F]{40}$/.test(text)
    ? `recipient "${text}" has a wrong checksum: a digit may be mistyped`
    : `recipient "${shorten(text)}" is no 0x address of 40 hexadecimal digits`;
}

function shorten(input: unknown): string {
  return String(input).replaceAll(/\p{C}/gu, "?").slice(0, 60);
}
