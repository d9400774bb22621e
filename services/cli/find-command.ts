import { COMMANDS, type Command, nameOf } from "./commands.ts";

/** The command that one or two words name, or what was probably meant. */
export type Found = { readonly command: Command } | { readonly meant: string | undefined };

// Further from every command than this, a guess would only confuse.
const NEAR = 4;

/** Finds a command by its words; else the nearest name by Levenshtein's distance. */
export function findCommand(words: readonly string[]): Found {
  const [first = "", second = ""] = words;
  const command = COMMANDS.find(({ verb, noun }) => verb === first && (noun === "" || noun === second));
  if (command !== undefined) return { command };
  const given = `${first} ${second}`.trim();
  const names = COMMANDS.map(nameOf);
  const sameWord = names.find((name) => name.split(" ").some((word) => word === first || word === second));
  const ranked = names
    .map((name) => ({ name, distance: distance(given, name) }))
    .sort((a, b) => a.distance - b.distance);
  const [nearest] = ranked;
  if (nearest !== undefined && nearest.distance <= NEAR) return { meant: nearest.name };
  return { meant: sameWord };
}

function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [i, letter] of from.split("").entries()) {
    const next = [i + 1];
    for (const [j, other] of to.split("").entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
