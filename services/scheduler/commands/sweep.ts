import { Command, Option } from "commander";
import { z } from "zod";
import { ServiceConfig } from "#shared/config/env.ts";
import { lastRepairs, type Repair, suspectsByQueue } from "#shared/jobs/repairs.ts";
import { parseArguments } from "#shared/runtime/parse-arguments.ts";
import { runCommand } from "#shared/runtime/run-command.ts";

const command = new Command("duly sweep")
  .description(
    "Shows what was put right by itself: jobs sent again, and why; and what is under suspicion now.",
  )
  .option("-n, --last <count>", "how many repairs", "20")
  .addOption(new Option("-o, --output <format>").choices(["text", "json"]).default("text"));
parseArguments(command, process.argv.slice(2));

await runCommand("sweep", ServiceConfig, async ({ db, out }) => {
  const { last, output } = command.opts<{ last: string; output: string }>();
  const limit = z.coerce.number("--last is a number").int().min(1).max(10_000).parse(last);
  const repairs = await lastRepairs(db, limit);
  const suspects = await suspectsByQueue(db);
  if (output === "json") out(JSON.stringify({ repairs, suspects }, null, 2));
  else {
    if (repairs.length === 0) out("Nothing had to be put right.");
    for (const repair of repairs) out(lineOf(repair));
    for (const { queue, jobs } of suspects) out(`${queue}: ${jobs} jobs are waited for`);
  }
  return 0;
});

function lineOf({ made_at: madeAt, kind, jobs, detail }: Repair): string {
  const words = Object.entries(detail).map(([name, value]) => `${name} ${String(value)}`);
  return `${madeAt.toISOString()}  ${kind.padEnd(18)}${String(jobs).padStart(8)} jobs  ${words.join(", ")}`.trimEnd();
}
