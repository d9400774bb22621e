import { Command } from "commander";
import { z } from "zod";
import { ServiceConfig } from "#shared/config/env.ts";
import { type Cancellation, cancelJob } from "#shared/jobs/cancel-job.ts";
import { parseArguments } from "#shared/runtime/parse-arguments.ts";
import { runCommand } from "#shared/runtime/run-command.ts";

const SENTENCES: Readonly<Record<Cancellation, string>> = {
  cancelled: "cancelled",
  requested:
    "requested: it runs or may have had its effect, and ends as cancelled only if it had none (see duly job)",
  finished: "nothing to cancel: it has ended already (see duly job)",
  unknown: "there is no such job",
};

const command = new Command("duly cancel")
  .description("Ends a job that is not done yet.")
  .argument("<id>", "the job's id")
  .option("--reason <text>", "for people; it stays with the job", "cancelled on request")
  .addHelpText("after", "\nExit codes: 0 cancelled or requested, 1 nothing to cancel, 2 not understood");
parseArguments(command, process.argv.slice(2));

await runCommand("cancel", ServiceConfig, async ({ db, out }) => {
  const id = z.uuid("a job's id is a UUID").parse(command.args[0]);
  const outcome = await cancelJob(db, id, command.opts<{ reason: string }>().reason);
  out(`${id} ${SENTENCES[outcome]}`);
  return outcome === "cancelled" || outcome === "requested" ? 0 : 1;
});
