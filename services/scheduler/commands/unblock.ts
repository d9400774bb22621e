import { Command } from "commander";
import { ServiceConfig } from "#shared/config/env.ts";
import { unblockLine } from "#shared/jobs/unblock-line.ts";
import { parseArguments } from "#shared/runtime/parse-arguments.ts";
import { runCommand } from "#shared/runtime/run-command.ts";

const command = new Command("duly unblock")
  .description("Lets the line of an ordering key go on past the dead letter that holds it.")
  .argument("<key>", "the ordering key")
  .addHelpText("after", "\nExit codes: 0 it goes on, 1 no dead letter holds it, 2 not understood");
parseArguments(command, process.argv.slice(2));

await runCommand("unblock", ServiceConfig, async ({ db, out }) => {
  const [key = ""] = command.args;
  const passed = await unblockLine(db, key);
  out(
    passed === undefined
      ? `no dead letter holds the line of "${key}"`
      : `the line of "${key}" goes on past job ${passed}`,
  );
  return passed === undefined ? 1 : 0;
});
