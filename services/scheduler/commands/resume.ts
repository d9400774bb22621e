import { Argument, Command } from "commander";
import { resumeGate } from "#shared/gates/pause-gate.ts";
import { PAUSABLE, type Pausable } from "#shared/gates/pause-target.ts";
import { runCommand, ServiceConfig } from "#shared/index.ts";
import { gateName } from "#shared/resilience/gate-name.ts";
import { parseArguments } from "#shared/runtime/parse-arguments.ts";

const command = new Command("duly resume")
  .description("Ends a pause; what it held is released by priority, a few at first.")
  .addArgument(new Argument("<what>", "what was paused").choices(PAUSABLE))
  .argument("<name>", "email.otp, or payments.high");
parseArguments(command, process.argv.slice(2));

await runCommand("resume", ServiceConfig, async ({ db, out }) => {
  const [what, name] = command.processedArgs as [Pausable, string];
  if (!(await resumeGate(db, gateName[what](name)))) {
    throw new Error(`${what} ${name} is not paused; duly gates shows what is`);
  }
  out(`resumed ${what} ${name}`);
  return 0;
});
