import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { REFUSED_RECIPIENT } from "../outside/chain/ensure-token.ts";
import { walletAddress } from "../outside/chain/read-transfers.ts";
import { ROOT } from "../processes/node-program.ts";
import type { DemoRun } from "./demo-run.ts";
import { type PaymentLine, withFreshReferences } from "./payment-lines.ts";

const OTPS = 10;
/** So many lines of examples/payments.csv are wrong, to show what an import does with them. */
const WRONG_LINES = 12;
const EXAMPLES = join(ROOT, "examples");

const Users = z.array(z.object({ id: z.string(), email: z.email(), walletIndex: z.number().int() }));
const Conversation = z.array(z.object({ to: z.string(), text: z.string() }));

/** Who pays. */
export interface Payer {
  readonly id: string;
  readonly email: string;
  /** Address of the payer's wallet, in its checksummed spelling. */
  readonly address: string;
}

/** What a run is fed with, and what follows from it. */
export interface DemoInputs {
  /** The CSV file to import. */
  readonly paymentsFile: string;
  readonly paymentsText: string;
  /** Lines of that file that are wrong on purpose. */
  readonly wrongLines: number;
  readonly payers: readonly Payer[];
  /** To whom every transfer is refused. */
  readonly refusedRecipient: string;
  /** Whom to send a one-time code; nobody else's addresses. */
  readonly otpEmails: readonly string[];
  readonly conversationFile: string;
  readonly conversation: readonly { readonly to: string; readonly text: string }[];
}

/** The inputs once it is known which lines of the payments file were taken. */
export interface GivenWork extends DemoInputs {
  readonly payments: readonly PaymentLine[];
  readonly refusedLines: number;
}

/** Prepares the examples for one run: its own references and its own mail addresses. */
export function prepareInputs(run: DemoRun): DemoInputs {
  const paymentsFile = join(run.folder, "payments.csv");
  const paymentsText = withFreshReferences(read("payments.csv"), run.label);
  writeFileSync(paymentsFile, paymentsText);
  const users = Users.parse(JSON.parse(read("users.json")));
  return {
    paymentsFile,
    paymentsText,
    wrongLines: WRONG_LINES,
    payers: users.map(({ id, email, walletIndex }) => {
      return { id, email, address: walletAddress(run.stack.mnemonic, walletIndex) };
    }),
    refusedRecipient: REFUSED_RECIPIENT,
    otpEmails: users.slice(0, OTPS).map(({ id }) => `${id}+${run.label}@example.test`),
    conversationFile: join(EXAMPLES, "conversation.json"),
    conversation: Conversation.parse(JSON.parse(read("conversation.json"))),
  };
}

function read(example: string): string {
  return readFileSync(join(EXAMPLES, example), "utf8");
}
