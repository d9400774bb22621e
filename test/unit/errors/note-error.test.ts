import { expect, test } from "vitest";
import { noteError } from "#shared/errors/note-error.ts";
import { PermanentError } from "#shared/index.ts";

test("an error is noted by name, code, message and stack, without its object graph", () => {
  const error = Object.assign(new PermanentError("closed", "card closed"), { request: { secret: "x" } });
  expect(noteError(error)).toEqual({
    name: "PermanentError",
    code: "closed",
    message: "card closed",
    stack: error.stack,
  });
});

test("long texts are cut", () => {
  const note = noteError(new Error("x".repeat(100_000)));
  expect([note.message.length, note.stack?.length]).toEqual([2_000, 8_000]);
  expect(noteError("x".repeat(100_000)).message).toHaveLength(2_000);
});

test.each([
  ["text", "text"],
  [undefined, "undefined"],
  [null, "null"],
  [42, "42"],
])("%o may be thrown too", (thrown, message) => {
  expect(noteError(thrown)).toEqual({ name: "Error", message });
});

test("a number as code becomes text, an object as code is left out", () => {
  expect(noteError(Object.assign(new Error("a"), { code: 404 })).code).toBe("404");
  expect(noteError(Object.assign(new Error("a"), { code: { deep: true } }))).not.toHaveProperty("code");
});

test("whatever is noted is text that PostgreSQL's jsonb takes", () => {
  const nul = String.fromCodePoint(0);
  const thrown = [
    new Error(`a${nul}b`),
    `a${nul}b`,
    Object.assign(new Error("a"), { name: `N${nul}`, code: `c${nul}` }),
    Object.assign(new Error("cut in a pair"), { message: `${"x".repeat(1_999)}💥` }),
  ];
  for (const note of thrown.map(noteError)) {
    expect(JSON.stringify(note)).not.toMatch(/\\u0000|\\ud[89a-f]/i);
  }
});

test("what cannot be made text is noted all the same", () => {
  expect(noteError(Object.create(null)).name).toBe("Error");
  expect(noteError(Symbol("odd")).message).toContain("odd");
});
