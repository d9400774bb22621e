/** One expectation and what was seen of it. */
export interface Check {
  readonly what: string;
  readonly expected: string;
  readonly seen: string;
  readonly met: boolean;
}

const NAMED = 3;

/** Expects exactly this. */
export function exactly(what: string, expected: string | number, seen: string | number): Check {
  return { what, expected: String(expected), seen: String(seen), met: expected === seen };
}

/** Expects this many or more. */
export function atLeast(what: string, expected: number, seen: number): Check {
  return { what, expected: `at least ${expected}`, seen: String(seen), met: seen >= expected };
}

/** Expects each of these exactly once and nothing else, in any order; names what differs. */
export function eachOnce(what: string, expected: readonly string[], seen: readonly string[]): Check {
  const wanted = new Set(expected);
  const found = new Set(seen);
  const again = seen.filter((one, index) => wanted.has(one) && seen.indexOf(one) !== index);
  const differences = [
    name(
      "missing",
      [...wanted].filter((one) => !found.has(one)),
    ),
    name("more than once", again),
    name(
      "unexpected",
      [...found].filter((one) => !wanted.has(one)),
    ),
  ].filter((words) => words !== "");
  return {
    what,
    expected: `${wanted.size}, each once`,
    seen: [String(seen.length), ...differences].join("; "),
    met: differences.length === 0,
  };
}

function name(fault: string, ones: readonly string[]): string {
  if (ones.length === 0) return "";
  const more = ones.length > NAMED ? ` and ${ones.length - NAMED} more` : "";
  return `${fault}: ${ones.slice(0, NAMED).join(", ")}${more}`;
}
