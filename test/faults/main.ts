import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { tryLock } from "../../services/local/process-lock.mjs";
import { endLeftovers } from "../../services/local/processes/leftovers.ts";
import { runCommand } from "../../services/local/processes/run-command.ts";
import { explain } from "../../services/local/setup-error.ts";
import { root } from "../support/repository.ts";
import { parseFaultOptions, USAGE } from "./options.ts";
import { isClean, readResults } from "./results.ts";
import { runLaboratory } from "./run-laboratory.ts";
import { STAGES } from "./scenarios.ts";
import { figuresOf, jsonOf, markdownOf, originsOf, shortages, tableOf } from "./summary.ts";

// npm run faults: breaks the real thing in every way that it promises to survive, and counts.
const out = (line: string) => void process.stdout.write(`${line}\n`);
const options = parseFaultOptions(process.argv.slice(2));
if ("error" in options) {
  process.stderr.write(`npm run faults: ${options.error}\n\n${USAGE}`);
  process.exit(2);
}
if (options.help) {
  out(USAGE);
  process.exit(0);
}
const scenarios = STAGES.flat();
if (options.list) {
  for (const { name, rounds, what } of scenarios)
    out(`${name.padEnd(18)} ${`${rounds}`.padStart(2)} rounds  ${what}`);
  process.exit(0);
}
const unknown = options.only?.find((name) => scenarios.every((scenario) => scenario.name !== name));
if (unknown !== undefined) {
  process.stderr.write(`npm run faults: there is no scenario "${unknown}"; see npm run faults -- --list\n`);
  process.exit(2);
}

const home = join(root, ".duly", "faults");
const resultsFile = options.results ?? join(home, options.quick ? "quick.jsonl" : "full.jsonl");
const startedAt = Date.now();
if (!options.table) {
  if ((options.quick || options.fresh) && existsSync(resultsFile))
    renameSync(resultsFile, `${resultsFile}.before`);
  mkdirSync(home, { recursive: true });
  const folder = join(home, `run-${process.pid}`);
  const { release } = tryLock(`${folder}.lock`);
  const end = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      end.abort();
      const leave = () => process.exit(130);
      endLeftovers(folder, 0).then(leave, leave);
    });
  }
  try {
    const isWanted = ({ name }: { name: string }) => options.only?.includes(name) ?? true;
    await runLaboratory({
      folder,
      resultsFile,
      stages: STAGES.map((stage) => stage.filter(isWanted)).filter((stage) => stage.length > 0),
      quick: options.quick,
      seed: options.seed,
      end: end.signal,
      rounds: options.rounds,
      untilMs: startedAt + options.minutes * 60_000,
      commit: (await runCommand("git", ["rev-parse", "--short", "HEAD"], { cwd: root })).stdout.trim(),
      tell: (text) => out(`${new Date().toISOString().slice(11, 19)} ${text}`),
    });
  } catch (error) {
    process.stderr.write(`\nnpm run faults: ${explain(error)}\n`);
    process.exitCode = 1;
  } finally {
    release?.();
  }
}
const results = readResults(resultsFile);
out(options.table ? markdownOf(results) : tableOf(results));
const short = options.quick ? [] : shortages(results, scenarios);
const lines = [
  ...figuresOf(results),
  ...short.map(
    ({ scenario, fault, done, wanted }) => `${scenario}: ${fault} only ${done} of ${wanted} times`,
  ),
  ...(results.length > 0 ? [originsOf(results)] : []),
];
for (const line of lines) out(options.table ? `- ${line}` : line);
out(jsonOf(results, options.quick, short));
const isWell = results.length > 0 && results.every(isClean) && short.length === 0;
process.exit(process.exitCode ?? (isWell ? 0 : 1));
