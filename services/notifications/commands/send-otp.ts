import { Command } from "commander";
import { z } from "zod";
import { runCommand } from "#shared/index.ts";
import { parseArguments } from "#shared/runtime/parse-arguments.ts";
import { parseDuration } from "#shared/time/parse-duration.ts";
import { OtpConfig } from "../config.ts";
import { otpCipher } from "../otp-cipher.ts";
import { requestOtps } from "../request-otp.ts";

const PER_TRANSACTION = 500;

const Options = z.object({
  expiresIn: z.string().transform((text) => parseDuration(text)),
  count: z.coerce
    .number("--count must be a number")
    .int()
    .min(1, "--count must be a whole number from 1")
    .max(100_000),
  correlation: z.uuid("--correlation must be a UUID").optional(),
});

const command = new Command("duly send otp")
  .description("Mails one-time codes; prints a challenge id for each, never a code.")
  .argument("<email...>", "whom to mail")
  .option("--expires-in <duration>", "how long a code can be used", "5m")
  .option("--count <number>", "codes for each address", "1")
  .option("--correlation <uuid>", "correlationId of the jobs");
parseArguments(command, process.argv.slice(2));

await runCommand("send otp", OtpConfig, async ({ config, db, signal, out }) => {
  const { expiresIn, count, correlation } = Options.parse(command.opts());
  const emails = command.args.map((arg) => z.email(`"${arg}" is no mail address`).parse(arg));
  const wanted = emails.flatMap((email) => Array.from({ length: count }, () => email));
  const cipher = otpCipher(config.OTP_KEY);
  for (let done = 0; done < wanted.length && !signal.aborted; done += PER_TRANSACTION) {
    const batch = wanted.slice(done, done + PER_TRANSACTION);
    const request = { emails: batch, validForMs: expiresIn, correlationId: correlation };
    for (const { challengeId } of await requestOtps(db, cipher, request)) out(challengeId);
  }
  return signal.aborted ? 130 : 0;
});
