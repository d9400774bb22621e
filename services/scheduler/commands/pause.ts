import { Argument, Command, Option } from "commander";
import { pauseGate } from "#shared/gates/pause-gate.ts";
import { PAUSABLE, type Pausable, pauseTarget } from "#shared/gates/pause-target.ts";
import { ConfigError, runCommand, ServiceConfig } from "#shared/index.ts";
import { parseArguments } from "#shared/runtime/parse-arguments.ts";
import { readInstant } from "../read-instant.ts";

const command = new Command("duly pause")
  .description(
    "Holds all jobs of a type or a queue; no attempt is spent. Repeating it changes reason and end.",
  )
  .addArgument(new Argument("<what>", "what to pause").choices(PAUSABLE))
  .argument("<name>", "email.otp, or payments.high")
  .addOption(new Option("--until <when>", "when it ends by itself: 10m from now, or 2027-01-31T08:00:00Z"))
  .option("--reason <text>", "why, for others to see");
parseArguments(command, process.argv.slice(2));

await runCommand("pause", ServiceConfig, async ({ db, out }) => {
  const [what, name] = command.processedArgs as [Pausable, string];
  const { until, reason } = command.opts<{ until?: string; reason?: string }>();
  const gate = await pauseTarget(db, what, name);
  if (gate === undefined)
    throw new ConfigError(`there is no ${what} "${name}": no service has registered such a one`);
  const end = until === undefined ? undefined : await readInstant(db, until);
  await pauseGate(db, { gate, reason, until: end });
  out(`paused ${what} ${name}${end === undefined ? "; duly resume ends it" : ` until ${end.toISOString()}`}`);
  return 0;
});
