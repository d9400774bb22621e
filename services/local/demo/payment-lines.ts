import { parse } from "csv-parse/sync";
import { z } from "zod";

const COLUMNS = ["reference", "payer", "recipient", "amount", "currency", "method"] as const;

/** A line of the payments file that was taken. */
export interface PaymentLine {
  readonly reference: string;
  readonly payer: string;
  readonly recipient: string;
  /** Decimal without trailing zeros. */
  readonly amount: string;
  readonly currency: string;
  readonly method: "erc20" | "card";
}

const Line = z.object({
  reference: z.string(),
  payer: z.string(),
  recipient: z.string(),
  amount: z.string().transform(withoutTrailingZeros),
  currency: z.string(),
  method: z.enum(["erc20", "card"]),
});

/** The same file with references that no other run uses; wrong lines stay as wrong as they are. */
export function withFreshReferences(csv: string, label: string): string {
  const [header = "", ...lines] = csv.split("\n");
  return [header, ...lines.map((line) => (line === "" ? line : `${label}-${line}`))].join("\n");
}

/** Reads the lines of a payments file, its header being line 1, but for those whose numbers are in `refused`. */
export function readPaymentLines(csv: string, refused: ReadonlySet<number>): PaymentLine[] {
  const lines = csv.split("\n").map((text, index) => ({ text, number: index + 1 }));
  const [header, ...rest] = lines;
  const columns = header?.text.split(",") ?? [];
  const missing = COLUMNS.filter((column) => !columns.includes(column));
  if (missing.length > 0) throw new Error(`the payments file has no column ${missing.join(", ")}`);
  const taken = rest.filter(({ text, number }) => text !== "" && !refused.has(number));
  return taken.flatMap(({ text }) => z.array(Line).parse(parse(text, { columns })));
}

function withoutTrailingZeros(decimal: string): string {
  return decimal.includes(".") ? decimal.replace(/\.?0+$/, "") : decimal;
}
