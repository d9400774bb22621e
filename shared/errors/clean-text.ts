/** Makes text that PostgreSQL takes: no NUL characters, no half surrogate pairs. */
export function cleanText(text: string): string {
  return text.replaceAll("\u0000", "\uFFFD").toWellFormed();
}
