import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ensureToken } from "../outside/chain/ensure-token.ts";
import { fundWallets } from "../outside/chain/fund-wallets.ts";
import { startChain } from "../outside/chain/start-chain.ts";
import { ROOT, startNodeProgram } from "../processes/node-program.ts";
import type { OnProgress } from "../progress.ts";
import type { ServerOptions } from "../servers/provide-servers.ts";
import type { Roster } from "./roster.ts";

/** The number that the local chat service sends from. */
export const CHAT_PHONE_ID = "100000000000001";

const Users = z.array(z.object({ walletIndex: z.number().int() }));

/** Where the outside world answers. */
export interface OutsideAddresses {
  readonly chainUrl: string;
  readonly tokenAddress: string;
}

/** Starts the local chain, its token on it, and money in the wallets of the example users. */
export async function startTokenChain(
  { stackDir, ports, secrets }: ServerOptions,
  roster: Roster,
  onProgress: OnProgress,
): Promise<OutsideAddresses> {
  const stateDir = join(stackDir, "chain");
  const { mnemonic } = secrets;
  const { url } = roster.add("chain", await startChain({ stateDir, port: ports.chain, stackDir }));
  onProgress("deploying the token and funding the wallets");
  const tokenAddress = await ensureToken({ url, mnemonic, stateFile: join(stateDir, "token.json") });
  const users = Users.parse(JSON.parse(readFileSync(join(ROOT, "examples", "users.json"), "utf8")));
  await fundWallets({
    url,
    mnemonic,
    tokenAddress,
    walletIndexes: users.map(({ walletIndex }) => walletIndex),
  });
  return { chainUrl: url, tokenAddress };
}

/** Starts the mailbox: SMTP that keeps the mail for reading. */
export async function startMailbox({ stackDir, ports }: ServerOptions, roster: Roster): Promise<void> {
  await startProgram("mailbox", stackDir, roster, {
    SMTP_PORT: String(ports.smtp),
    HTTP_PORT: String(ports.mailbox),
    DATA_FILE: join(stackDir, "mailbox", "mails.jsonl"),
  });
}

/** Starts the chat service. */
export async function startChat({ stackDir, ports, secrets }: ServerOptions, roster: Roster): Promise<void> {
  await startProgram("chat", stackDir, roster, {
    PORT: String(ports.chat),
    CHAT_TOKEN: secrets.chatToken,
    CHAT_PHONE_ID,
    DATA_FILE: join(stackDir, "chat", "messages.jsonl"),
  });
}

/** Starts the card processor. */
export async function startCards({ stackDir, ports, secrets }: ServerOptions, roster: Roster): Promise<void> {
  await startProgram("cards", stackDir, roster, {
    PORT: String(ports.cards),
    CARDS_KEY: secrets.cardsKey,
    DATA_FILE: join(stackDir, "cards", "cards.jsonl"),
  });
}

async function startProgram(
  name: "mailbox" | "chat" | "cards",
  stackDir: string,
  roster: Roster,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const file = `services/local/outside/${name}/main.ts`;
  const child = await startNodeProgram({ name, file, environment, stackDir });
  roster.add(name, { pid: child.pid, stop: () => child.stop("SIGTERM", 10_000) });
}
