import { Command, Option } from "commander";
import { z } from "zod";
import { ServiceConfig } from "#shared/config/env.ts";
import { readJobStory } from "#shared/jobs/read-job-story.ts";
import { parseArguments } from "#shared/runtime/parse-arguments.ts";
import { runCommand } from "#shared/runtime/run-command.ts";
import { jobLines } from "../job-lines.ts";

const command = new Command("duly job")
  .description("Shows one job: its state, what it waits for, its sends, attempts, intents and letters.")
  .argument("<id>", "the job's id")
  .addOption(new Option("-o, --output <format>").choices(["text", "json"]).default("text"))
  .addHelpText("after", "\nExit codes: 0 shown, 1 there is no such job, 2 not understood");
parseArguments(command, process.argv.slice(2));

await runCommand("job", ServiceConfig, async ({ db, out }) => {
  const id = z.uuid("a job's id is a UUID").parse(command.args[0]);
  const job = await readJobStory(db, id);
  if (job === undefined) throw new Error(`there is no job ${id}`);
  if (command.opts<{ output: string }>().output === "json") out(JSON.stringify(job, null, 2));
  else for (const line of jobLines(job)) out(line);
  return 0;
});
