import { parseArgs } from "node:util";
import { explain } from "./setup-error.ts";

/** What the person asked `npm start` for. */
export interface StackOptions {
  readonly fresh: boolean;
  readonly once: boolean;
  readonly demo: boolean;
  readonly help: boolean;
}

export const USAGE = `npm start                 starts everything, runs the demo, and goes on until Ctrl-C
npm start -- --fresh      the same, on new data
npm start -- --once       the same, and drains and ends after the demo; fails if a demo job did
npm start -- --no-demo    starts everything and leaves the demo out
npm start -- --help       this text

Environment:
  DULY_PORTS_FROM=25000   eleven ports in a row from here instead of the usual ones
  DULY_DIR=folder         where the data is kept; .duly unless given
  DULY_SERVERS=embedded   does without Docker
  DATABASE_URL, AMQP_URL  use these servers
  DULY_DEBUG=1            shows where an error happened
`;

/** Reads the command line; an argument that it does not know is an error with the usage. */
export function parseOptions(args: readonly string[]): StackOptions | { readonly error: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      allowNegative: true,
      options: {
        fresh: { type: "boolean", default: false },
        once: { type: "boolean", default: false },
        demo: { type: "boolean", default: true },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    return values;
  } catch (error) {
    return { error: explain(error).split("\n")[0] ?? "" };
  }
}
