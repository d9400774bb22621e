import { type DemoInputs, type GivenWork, prepareInputs } from "./demo-inputs.ts";
import { type DemoRun, databaseTime } from "./demo-run.ts";
import { readPaymentLines } from "./payment-lines.ts";
import { runDuly, spell } from "./run-duly.ts";

const SOME_LINES_BAD = 3;
const SHOWN = 3;

/** Gives the stack its work by Duly's own commands: payments, one-time codes, a conversation. */
export async function giveWork(run: DemoRun): Promise<GivenWork> {
  const inputs = prepareInputs(run);
  run.out(`The demo gives Duly some work, all of it with the correlation id ${run.correlationId}:`);
  const commands = [
    importPayments(run, inputs),
    tell(run, ["send", "otp", ...inputs.otpEmails], `${inputs.otpEmails.length} one-time codes`),
    tell(
      run,
      ["send", "message", "--file", inputs.conversationFile],
      `${inputs.conversation.length} messages`,
    ),
  ] as const;
  // When one of them fails, nothing of the others is told behind that.
  await Promise.allSettled(commands);
  const [given] = await Promise.all(commands);
  run.out("");
  return given;
}

/** Asks for a report of everything that has been paid since the run began. */
export async function requestReport(run: DemoRun): Promise<void> {
  const until = await databaseTime(run.db);
  const period = ["--from", run.began.toISOString(), "--until", until.toISOString()];
  await runDuly(run, ["request", "report", ...period]);
}

async function importPayments(run: DemoRun, inputs: DemoInputs): Promise<GivenWork> {
  const args = ["import", "payments", inputs.paymentsFile];
  const { output } = await runDuly(run, args, [SOME_LINES_BAD]);
  const faults = [...output.matchAll(/^line (\d+): .*$/gm)];
  const refused = new Set(faults.map(([, line]) => Number(line)));
  const payments = readPaymentLines(inputs.paymentsText, refused);
  run.out(`  ${spell(args)}`);
  run.out(`    ${payments.length} payments; ${refused.size} lines were refused, being wrong on purpose:`);
  for (const [text] of faults.slice(0, SHOWN)) run.out(`      ${text}`);
  if (faults.length > SHOWN) run.out(`      … and ${faults.length - SHOWN} more`);
  return { ...inputs, payments, refusedLines: refused.size };
}

async function tell(run: DemoRun, args: readonly string[], what: string): Promise<void> {
  await runDuly(run, args);
  run.out(`  ${spell(args)}\n    ${what}`);
}
