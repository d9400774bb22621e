import { resolve } from "node:path";
import { parseOptions, USAGE } from "./options.ts";
import { ROOT } from "./processes/node-program.ts";
import { explain } from "./setup-error.ts";
import { runStack } from "./stack/run-stack.ts";

// npm start: the whole of Duly on this machine.
const out = (line: string) => void process.stdout.write(`${line}\n`);
const options = parseOptions(process.argv.slice(2));
if ("error" in options) {
  process.stderr.write(`npm start: ${options.error}\n\n${USAGE}`);
  process.exit(2);
}
if (options.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
try {
  process.exit(await runStack(resolve(ROOT, process.env["DULY_DIR"] || ".duly"), options, out));
} catch (error) {
  process.stderr.write(`\n${explain(error)}\n`);
  process.exit(1);
}
