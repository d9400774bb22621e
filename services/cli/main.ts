import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { COMMANDS, helpText } from "./commands.ts";
import { findCommand } from "./find-command.ts";
import { runFile } from "./run-file.ts";
import { settingsFor } from "./stack-environment.ts";

const USAGE = 2;
const services = new URL("../", import.meta.url);
const root = fileURLToPath(new URL("../..", import.meta.url));
// The same folder that npm start uses.
const stackFile = resolve(root, process.env["DULY_DIR"] || ".duly", "stack.json");

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const [first] = args;
  if (first === undefined || first === "help" || isHelp(first)) {
    process.stdout.write(`${helpText()}\n`);
    return 0;
  }
  if (
    args.length === 2 &&
    isHelp(args[1]) &&
    COMMANDS.some(({ verb, noun }) => verb === first && noun !== "")
  ) {
    process.stdout.write(`${helpText(first)}\n`);
    return 0;
  }
  const found = findCommand(args);
  if (!("command" in found)) return complain(args, found.meant);

  const words = found.command.noun === "" ? 1 : 2;
  const file = fileURLToPath(new URL(found.command.file, services));
  const program = { file, args: args.slice(words), nodeOptions: found.command.nodeOptions ?? [] };
  if (args.some(isHelp)) return runFile({ ...program, environment: process.env });

  const settings = settingsFor(process.env, stackFile);
  if ("fault" in settings) return fail(settings.fault, 1);
  if (settings.note !== undefined) process.stderr.write(`duly: ${settings.note}\n`);
  return runFile({ ...program, environment: settings.environment });
}

function isHelp(word: string | undefined): boolean {
  return word === "--help" || word === "-h";
}

function complain(args: readonly string[], meant: string | undefined): number {
  const nouns = COMMANDS.filter(({ verb }) => verb === args[0]).map(({ noun }) => noun);
  if (args.length === 1 && nouns.length > 0)
    return fail(`${args[0]} what? There is: ${nouns.join(", ")}.`, USAGE);
  const given = args.slice(0, 2).join(" ");
  const hint = meant === undefined ? "duly --help shows what there is." : `Did you mean: ${meant}?`;
  return fail(`there is no command "${given}". ${hint}`, USAGE);
}

function fail(message: string, code: number): number {
  process.stderr.write(`duly: ${message}\n`);
  return code;
}
