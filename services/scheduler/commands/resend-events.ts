import { Command } from "commander";
import { z } from "zod";
import { ServiceConfig } from "#shared/config/env.ts";
import { askResend } from "#shared/jobs/ask-resend.ts";
import { parseArguments } from "#shared/runtime/parse-arguments.ts";
import { runCommand } from "#shared/runtime/run-command.ts";
import { parseDuration } from "#shared/time/parse-duration.ts";

interface Options {
  readonly since: string;
  readonly until?: string;
  readonly type?: string;
}

const command = new Command("duly resend events")
  .description(
    "Has events told again, to a new subscriber, say; who heard them already makes nothing twice of them.",
  )
  .requiredOption("--since <time>", "the first: 2026-05-01T00:00:00Z, or a duration ago, 3h; kept for 7 days")
  .option("--until <time>", "the first that is not told again, in the same way (default: now)")
  .option("--type <type>", "only these: payment.completed.v1");
parseArguments(command, process.argv.slice(2));

await runCommand("resend events", ServiceConfig, async ({ db, out }) => {
  const { since, until, type } = command.opts<Options>();
  const from = readTime("--since", since);
  const to = until === undefined ? new Date() : readTime("--until", until);
  if (from >= to) throw new Error("--since has to be before --until");
  const events = await askResend(db, { type, since: from, until: to });
  out(`${events} events will be told again by the scheduler.`);
  return 0;
});

function readTime(option: string, text: string): Date {
  const instant = z.iso.datetime({ offset: true }).safeParse(text);
  if (instant.success) return new Date(instant.data);
  try {
    return new Date(Date.now() - parseDuration(text));
  } catch (error) {
    throw new Error(
      `${option}: "${text}" is neither a time like 2026-05-01T00:00:00Z nor a duration like 3h`,
      {
        cause: error,
      },
    );
  }
}
