/** The columns of a payments file, in their usual order. */
export const COLUMNS = [
  "reference",
  "payer",
  "recipient",
  "amount",
  "currency",
  "method",
  "scheduled_for",
  "urgent",
] as const;

export type Column = (typeof COLUMNS)[number];

const OPTIONAL: ReadonlySet<Column> = new Set(["urgent"]);

/** Where each column stands; any order will do. */
export type Header = Readonly<Partial<Record<Column, number>>> & { readonly width: number };

/** Reads the first line of a file; throws, naming every unknown, missing and repeated column. */
export function readHeader(fields: readonly string[]): Header {
  const names = fields.map((field) => field.trim().toLowerCase());
  const unknown = names.filter((name) => !isColumn(name));
  const missing = COLUMNS.filter((column) => !names.includes(column) && !OPTIONAL.has(column));
  const repeated = names.filter((name, index) => isColumn(name) && names.indexOf(name) !== index);
  const faults = [
    ...(missing.length > 0 ? [`missing: ${missing.join(", ")}`] : []),
    ...(unknown.length > 0 ? [`unknown: ${unknown.map((name) => `"${name.slice(0, 40)}"`).join(", ")}`] : []),
    ...(repeated.length > 0 ? [`repeated: ${repeated.join(", ")}`] : []),
  ];
  if (faults.length > 0) {
    throw new Error(`the first line must name the columns ${COLUMNS.join(",")}; ${faults.join("; ")}`);
  }
  const places = Object.fromEntries(names.map((name, index) => [name, index])) as Partial<
    Record<Column, number>
  >;
  return { ...places, width: names.length };
}

function isColumn(name: string): name is Column {
  return (COLUMNS as readonly string[]).includes(name);
}
