import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { runCommand, ServiceConfig } from "#shared/index.ts";
import { parseArguments } from "#shared/runtime/parse-arguments.ts";
import { seedContacts } from "../seed-contacts.ts";

const EXAMPLE = fileURLToPath(new URL("../../../examples/users.json", import.meta.url));

const command = new Command("duly seed notifications")
  .description("Writes the demo's contacts. Safe to run again: it brings them up to date.")
  .argument("[file]", "a JSON list of users", EXAMPLE);
parseArguments(command, process.argv.slice(2));
const [file = EXAMPLE] = command.args;

await runCommand("seed notifications", ServiceConfig, async ({ db, out }) => {
  const people = await seedContacts(db, JSON.parse(await readFile(file, "utf8")));
  out(`${people} contacts are in.`);
  return 0;
});
