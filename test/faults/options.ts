import { parseArgs } from "node:util";

/** What the person asked `npm run faults` for. */
export interface FaultOptions {
  readonly quick: boolean;
  readonly only: readonly string[] | undefined;
  readonly list: boolean;
  readonly help: boolean;
  readonly table: boolean;
  readonly fresh: boolean;
  readonly seed: number;
  readonly minutes: number;
  readonly rounds: number;
  readonly results: string | undefined;
}

export const USAGE = `npm run faults                          the full matrix: hours; goes on where an earlier run ended
npm run faults -- --quick               every fault a few times: minutes; what CI runs
npm run faults -- --only a,b            only these scenarios
npm run faults -- --list                the scenarios
npm run faults -- --table               adds up what was kept and runs nothing

  --minutes N     begins no round after N minutes; the next run goes on there
  --rounds N      no more than N rounds of each scenario, beside those that are kept
  --results FILE  keeps the rounds in this file instead of .duly/faults/full.jsonl
  --fresh         begins anew: moves what was kept aside
  --seed N        the numbers behind the faults (1 unless given)
`;

/** Reads the command line; an argument that it does not know is an error in words. */
export function parseFaultOptions(args: readonly string[]): FaultOptions | { readonly error: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: "boolean", default: false },
        only: { type: "string" },
        list: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
        table: { type: "boolean", default: false },
        fresh: { type: "boolean", default: false },
        seed: { type: "string", default: "1" },
        minutes: { type: "string", default: "1000000" },
        rounds: { type: "string", default: "1000000" },
        results: { type: "string" },
      },
    });
    const [seed, minutes, rounds] = [values.seed, values.minutes, values.rounds].map(Number);
    if (seed === undefined || !Number.isInteger(seed))
      return { error: `--seed takes a whole number, not "${values.seed}"` };
    if (!(minutes !== undefined && minutes > 0))
      return { error: `--minutes takes a number above 0, not "${values.minutes}"` };
    if (!(rounds !== undefined && rounds > 0))
      return { error: `--rounds takes a number above 0, not "${values.rounds}"` };
    return { ...values, only: values.only?.split(","), results: values.results, seed, minutes, rounds };
  } catch (error) {
    return { error: error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error) };
  }
}
