import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { runCommand, ServiceConfig } from "#shared/index.ts";
import { seedContacts } from "../seed-contacts.ts";

const EXAMPLE = fileURLToPath(new URL("../../../examples/users.json", import.meta.url));

await runCommand("seed notifications", ServiceConfig, async ({ db, out }) => {
  const file = process.argv[2] ?? EXAMPLE;
  const people = await seedContacts(db, JSON.parse(await readFile(file, "utf8")));
  out(`${people} contacts stand ready`);
  return 0;
});
