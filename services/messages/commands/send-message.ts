import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { z } from "zod";
import { asError } from "#shared/errors/as-error.ts";
import { ConfigError, runCommand, ServiceConfig } from "#shared/index.ts";
import { parseArguments } from "#shared/runtime/parse-arguments.ts";
import { MessageList, scheduleMessages } from "../schedule-messages.ts";

const Options = z.object({
  file: z.string().optional(),
  to: z.string().optional(),
  text: z.string().optional(),
  in: z.string().optional(),
  conversation: z.string().optional(),
  correlation: z.uuid("--correlation must be a UUID").optional(),
});

const command = new Command("duly send message")
  .description("Sends chat messages, now or later; prints a message id for each.")
  .option("--to <phone>", "recipient, +15550000001")
  .option("--text <text>", "what to say")
  .option("--in <duration>", "how long from now: 3s")
  .option("--conversation <id>", "what it belongs to; by default the recipient")
  .option(
    "--file <json>",
    "a list of { to, text, in, conversation } instead, all stored together or not at all",
  )
  .option("--correlation <uuid>", "correlationId of the jobs");
parseArguments(command, process.argv.slice(2));

await runCommand("send message", ServiceConfig, async ({ db, out }) => {
  const { file, correlation, ...message } = Options.parse(command.opts());
  if (file === undefined && (message.to === undefined || message.text === undefined)) {
    throw new ConfigError("give --to and --text, or --file with a list of messages");
  }
  const list = MessageList.parse(file === undefined ? [message] : await readJson(file));
  for (const { messageId } of await scheduleMessages(db, list, correlation)) out(messageId);
  return 0;
});

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw new ConfigError(`${file} cannot be read as JSON: ${asError(error).message}`, { cause: error });
  }
}
