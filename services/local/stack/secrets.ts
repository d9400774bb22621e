import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { newMnemonic } from "../outside/chain/new-mnemonic.ts";
import { isErrno, SetupError } from "../setup-error.ts";
import { writePrivateJson } from "./private-file.ts";

const secret = z.string().min(1);
const StackSecrets = z.object({
  postgresPassword: secret,
  rabbitmqUser: secret,
  rabbitmqPassword: secret,
  mnemonic: secret,
  chatToken: secret,
  otpKey: secret,
  // A stack that was begun before there was a card processor has none; nothing of its data needs this one.
  cardsKey: secret.default(makeCardsKey),
});

/** The stack's credentials; they belong to its data and live as long. */
export type StackSecrets = z.infer<typeof StackSecrets>;

/** Reads the credentials of the stack in this folder, or makes them. */
export function loadSecrets(stackDir: string): StackSecrets {
  const path = join(stackDir, "secrets.json");
  try {
    return StackSecrets.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (cause) {
    if (isErrno(cause, "EACCES")) throw cause;
    if (!isErrno(cause, "ENOENT")) {
      throw new SetupError(`${path} is damaged. Start anew with: npm start -- --fresh`, { cause });
    }
  }
  if (existsSync(join(stackDir, "postgres"))) {
    throw new SetupError(
      `${path} is missing, and the data beside it needs it. Start anew with: npm start -- --fresh`,
    );
  }
  const made = makeSecrets();
  writePrivateJson(path, made);
  return made;
}

/** New credentials, as random as they can be. */
export function makeSecrets(): StackSecrets {
  return {
    postgresPassword: randomBytes(18).toString("base64url"),
    rabbitmqUser: "duly",
    rabbitmqPassword: randomBytes(9).toString("base64url"),
    mnemonic: newMnemonic(),
    chatToken: randomBytes(18).toString("base64url"),
    otpKey: randomBytes(32).toString("base64"),
    cardsKey: makeCardsKey(),
  };
}

function makeCardsKey(): string {
  return `sk_test_${randomBytes(18).toString("base64url")}`;
}
