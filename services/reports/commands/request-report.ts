import { Command } from "commander";
import { z } from "zod";
import { ReportTransactions } from "#shared/contracts/reports.ts";
import { enqueue, runCommand, ServiceConfig } from "#shared/index.ts";
import { parseArguments } from "#shared/runtime/parse-arguments.ts";
import { type PeriodOptions, readPeriod } from "../read-period.ts";

interface Options extends PeriodOptions {
  readonly correlation?: string;
}

const command = new Command("duly request report")
  .description("Has the transactions of a period written into a CSV file; prints the id of the job.")
  .option("--from <time>", "first instant that counts, 2026-05-01T00:00:00Z")
  .option("--until <time>", "first instant that no longer counts")
  .option("--last <duration>", "the time until now instead: 1h")
  .option("--correlation <uuid>", "correlationId of the job");
parseArguments(command, process.argv.slice(2));

await runCommand("request report", ServiceConfig, async ({ db, out }) => {
  const { correlation, ...period } = command.opts<Options>();
  const correlationId = z.uuid("--correlation must be a UUID").optional().parse(correlation);
  const payload = readPeriod(period, new Date());
  out(await db.transaction().execute((trx) => enqueue(trx, ReportTransactions, payload, { correlationId })));
  return 0;
});
