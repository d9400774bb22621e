import { Command, Option } from "commander";
import { type ListedGate, listGates } from "#shared/gates/list-gates.ts";
import { runCommand, ServiceConfig } from "#shared/index.ts";
import { parseArguments } from "#shared/runtime/parse-arguments.ts";
import { textTable } from "../text-table.ts";

const command = new Command("duly gates")
  .description("Shows what jobs wait for: open breakers, rate limits, pauses, and what cannot be reached.")
  .addOption(new Option("-o, --output <form>", "how").choices(["table", "json"]).default("table"));
parseArguments(command, process.argv.slice(2));

await runCommand("gates", ServiceConfig, async ({ db, out }) => {
  const gates = await listGates(db);
  const { output } = command.opts<{ output: "table" | "json" }>();
  if (output === "json") out(JSON.stringify(gates));
  else if (gates.length === 0) out("nothing is held, and there is no gate");
  else
    for (const line of textTable(["waits for", "state", "held", "since", "until", "why"], gates.map(row)))
      out(line);
  return 0;
});

function row({ name, state, held, since, until, reason, limit }: ListedGate): string[] {
  return [name, state ?? "–", String(held), time(since), time(until), reason ?? limit ?? ""];
}

function time(instant: Date | null): string {
  return instant === null ? "" : instant.toISOString().slice(0, 19).replace("T", " ");
}
