import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Command, InvalidArgumentError } from "commander";
import { z } from "zod";
import { runCommand } from "#shared/index.ts";
import { parseArguments } from "#shared/runtime/parse-arguments.ts";
import { ImportConfig } from "../config.ts";
import { importPayments } from "../import/import-payments.ts";
import { knownCurrencies } from "../import/known-currencies.ts";
import { knownTokens } from "../import/known-tokens.ts";
import { describe, Progress, type Tally } from "../import/progress.ts";
import type { PaymentsTables } from "../tables.ts";

const EXIT = { done: 0, someLinesBad: 3, stopped: 130 } as const;

const command = new Command("duly import payments")
  .description("Schedules a payment for every line of a CSV file. Safe to run twice: what is in is skipped.")
  .argument(
    "<file>",
    "CSV with the columns reference,payer,recipient,amount,currency,method,scheduled_for,urgent",
  )
  .option("--correlation <uuid>", "correlation id that every job gets", uuid)
  .option("--batch <lines>", "lines in one transaction", batchSize, 500)
  .addHelpText(
    "after",
    `
reference       yours, and unique: the same one with the same fields is skipped
payer           id of a seeded payer, such as alice (examples/users.json)
recipient       0x and 40 hexadecimal digits
amount          above 0, with no more decimals than the token has: 12.50
currency        symbol of a seeded token: DUSD
method          erc20
scheduled_for   see below
urgent          true, false or empty

scheduled_for is an instant with its offset (2030-01-31T09:00:00+01:00), a time from the start of this import
(+5s, +2m, +1h), or empty for now. Bad lines are reported on stderr as "line N: reason"; the others go in.

Exit codes: 0 all lines are in; 3 all but those with errors are in; 1 failed; 2 called wrongly; 130 stopped by Ctrl-C.`,
  );
parseArguments(command, process.argv.slice(2));
const [file = ""] = command.args;
const { batch, correlation } = command.opts<{ batch: number; correlation?: string }>();

await runCommand("import payments", ImportConfig, async ({ config, db, signal, out }) => {
  const own = db.$extendTables<PaymentsTables>();
  const progress = new Progress(process.stderr, await sizeOf(file));
  const tokens = await knownTokens(own);
  const currencies = await knownCurrencies(own);
  // Opened last: from here on the reading listens to its errors.
  const stream = createReadStream(file, { encoding: "utf8" });
  const batches = importPayments(own, stream, {
    batch,
    correlationId: correlation,
    tokens,
    currencies,
    thresholds: { highAbove: config.PAYMENT_HIGH_ABOVE_USD, lowBelow: config.PAYMENT_LOW_BELOW_USD },
    start: new Date(),
  });

  let tally: Tally = { lines: 0, imported: 0, skipped: 0, errors: 0 };
  for await (const { imported, skipped, faults, lastLine } of batches) {
    tally = {
      lines: tally.lines + imported + skipped + faults.length,
      imported: tally.imported + imported,
      skipped: tally.skipped + skipped,
      errors: tally.errors + faults.length,
    };
    for (const { line, reason } of faults) await progress.say(`line ${line}: ${reason}`);
    await progress.show(tally, stream.bytesRead);
    if (!signal.aborted) continue;
    progress.clear();
    out(
      `${describe(tally)}; stopped after line ${lastLine}. Run the same command again to go on: what is in is skipped.`,
    );
    return EXIT.stopped;
  }
  progress.clear();
  out(`${describe(tally)}, in ${progress.seconds.toFixed(1)} s`);
  return tally.errors === 0 ? EXIT.done : EXIT.someLinesBad;
});

async function sizeOf(path: string): Promise<number> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new Error(`${path} is a folder; give a CSV file`);
    return found.size;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      throw new Error(`there is no file ${path}`, { cause: error });
    }
    throw error;
  }
}

function uuid(text: string): string {
  if (!z.uuid().safeParse(text).success) throw new InvalidArgumentError("It must be a UUID.");
  return text;
}

function batchSize(text: string): number {
  const size = Number(text);
  if (!Number.isInteger(size) || size < 1 || size > 2_000)
    throw new InvalidArgumentError("It must be 1 to 2000.");
  return size;
}
