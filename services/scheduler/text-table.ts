/** Lays rows out in columns for a terminal, a heading above them. */
export function textTable(heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const lines = [heading.map((title) => title.toUpperCase()), ...rows];
  const widths = heading.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
