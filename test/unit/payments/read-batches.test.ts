import { describe, expect, it } from "vitest";
import { type Line, readBatches } from "../../../services/payments/import/read-batches.ts";

async function* chunksOf(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

async function read(text: string, size = 3, batch = 2): Promise<Line[][]> {
  const batches: Line[][] = [];
  for await (const lines of readBatches(chunksOf(text, size), batch)) batches.push(lines);
  return batches;
}

const numbered = (batches: Line[][]) => batches.flat().map(({ number, text }) => [number, text]);

describe("readBatches", () => {
  it.each([1, 2, 3, 7, 100])("reads LF, CRLF, CR and a byte order mark in chunks of %d", async (size) => {
    const lines = numbered(await read("\uFEFFa\nbb\r\n\r\nc\rdd\n  \nlast", size));
    expect(lines).toEqual([
      [1, "a"],
      [2, "bb"],
      [4, "c"],
      [5, "dd"],
      [7, "last"],
    ]);
  });

  it("hands over batches of the asked size and one rest", async () => {
    expect((await read("1\n2\n3\n4\n5\n")).map((batch) => batch.length)).toEqual([2, 2, 1]);
  });

  it("gives nothing for an empty text", async () => {
    expect(await read("")).toEqual([]);
    expect(await read("\n\n")).toEqual([]);
  });

  it("cuts a line without end instead of keeping it, and goes on behind it", async () => {
    const [first, second] = (await read(`${"x".repeat(1_000_000)}\nok\n`, 1_000)).flat();
    expect(first).toMatchObject({ number: 1, cut: true });
    expect(first?.text.length).toBeLessThanOrEqual(10_000);
    expect(second).toEqual({ number: 2, text: "ok", cut: false });
  });
});
