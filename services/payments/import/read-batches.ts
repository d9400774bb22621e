/** A line of a file, with its number from 1. */
export interface Line {
  readonly number: number;
  readonly text: string;
  /** Characters were cut off: it is longer than any line can be meant. */
  readonly cut: boolean;
}

// A valid line has less than 500 characters.
const LONGEST = 10_000;

/**
 * Reads lines from a text stream in batches, never holding more than one batch and one chunk.
 *
 * Takes LF, CRLF and CR as line ends, drops a byte order mark, and counts but does not return blank lines.
 */
export async function* readBatches(chunks: AsyncIterable<string>, size: number): AsyncGenerator<Line[]> {
  let batch: Line[] = [];
  for await (const line of readLines(chunks)) {
    if (line.text.trim() === "") continue;
    batch.push(line);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function* readLines(chunks: AsyncIterable<string>): AsyncGenerator<Line> {
  let number = 0;
  let rest = "";
  let cut = false;
  const take = (text: string): Line => {
    number += 1;
    const whole = rest + text;
    const line = {
      number,
      text: shorten(number === 1 ? whole.replace(/^\uFEFF/, "") : whole),
      cut: cut || whole.length > LONGEST,
    };
    rest = "";
    cut = false;
    return line;
  };
  let endedWithReturn = false;
  for await (const chunk of chunks) {
    // The two halves of a CRLF may come in two chunks.
    const text = endedWithReturn && chunk.startsWith("\n") ? chunk.slice(1) : chunk;
    if (chunk !== "") endedWithReturn = chunk.endsWith("\r");
    const parts = text.split(/\r\n|\n|\r/);
    const last = parts.pop() ?? "";
    for (const part of parts) yield take(part);
    cut ||= rest.length + last.length > LONGEST;
    rest = shorten(rest + last);
  }
  if (rest !== "") yield take("");
}

function shorten(text: string): string {
  return text.length > LONGEST ? text.slice(0, LONGEST) : text;
}
