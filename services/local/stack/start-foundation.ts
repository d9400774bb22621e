import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { endLeftovers } from "../processes/leftovers.ts";
import { runNodeProgram } from "../processes/node-program.ts";
import type { Progress } from "../progress.ts";
import {
  chooseSources,
  providePostgres,
  provideRabbit,
  type ServerOptions,
} from "../servers/provide-servers.ts";
import { checkPorts } from "./ports.ts";
import type { Roster } from "./roster.ts";
import type { StackAddresses } from "./stack.ts";
import { CHAT_PHONE_ID, startCards, startChat, startMailbox, startTokenChain } from "./start-outside.ts";

/** Starts everything that the services stand on, side by side, and fills it: schema, token, users. */
export async function startFoundation(
  options: ServerOptions,
  roster: Roster,
  progress: Progress,
): Promise<StackAddresses> {
  const { stackDir, ports, secrets } = options;
  const sources = await chooseSources(process.env);
  await checkPorts(ports, [
    ...(sources.postgres === "embedded" ? (["postgres"] as const) : []),
    ...(sources.rabbitmq === "embedded"
      ? (["amqp", "management", "epmd", "distribution", "prometheus"] as const)
      : []),
    ...(["chain", "smtp", "mailbox", "chat", "cards"] as const),
  ]);
  const reportsDir = join(stackDir, "reports");
  mkdirSync(reportsDir, { recursive: true });

  const database = progress.step("PostgreSQL", async (onProgress) => {
    const server = roster.add("postgres", await providePostgres(sources.postgres, options, onProgress));
    await runNodeProgram("migrations/main.ts", ["up"], { DATABASE_URL: server.url });
    return server.url;
  });
  const broker = progress.step("RabbitMQ", async (onProgress) =>
    roster.add("rabbitmq", await provideRabbit(sources.rabbitmq, options, onProgress)),
  );
  const chain = progress.step("chain", (onProgress) => startTokenChain(options, roster, onProgress));
  const mailbox = progress.step("mailbox", () => startMailbox(options, roster));
  const chat = progress.step("chat", () => startChat(options, roster));
  const cards = progress.step("cards", () => startCards(options, roster));
  const cardsUrl = `http://127.0.0.1:${ports.cards}`;
  const users = Promise.all([database, chain, cards]).then(([databaseUrl, { tokenAddress }]) =>
    seed({
      DATABASE_URL: databaseUrl,
      CHAIN_MNEMONIC: secrets.mnemonic,
      TOKEN_ADDRESS: tokenAddress,
      OTP_KEY: secrets.otpKey,
      CARDS_URL: cardsUrl,
      CARDS_KEY: secrets.cardsKey,
    }),
  );

  const all = [database, broker, chain, mailbox, chat, cards, users] as const;
  try {
    const [databaseUrl, rabbit, { chainUrl, tokenAddress }] = await Promise.all(all);
    return {
      databaseUrl,
      amqpUrl: rabbit.amqpUrl,
      rabbitmqUrl: rabbit.managementUrl,
      rabbitmqUser: rabbit.user,
      rabbitmqPassword: rabbit.password,
      chainUrl,
      tokenAddress,
      mnemonic: secrets.mnemonic,
      smtpUrl: `smtp://127.0.0.1:${ports.smtp}`,
      mailUrl: `http://127.0.0.1:${ports.mailbox}`,
      chatUrl: `http://127.0.0.1:${ports.chat}`,
      chatToken: secrets.chatToken,
      chatPhoneId: CHAT_PHONE_ID,
      cardsUrl,
      cardsKey: secrets.cardsKey,
      reportsDir,
      logsDir: join(stackDir, "logs"),
      otpKey: secrets.otpKey,
    };
  } catch (error) {
    // What is still starting fails when its process ends, so that nobody waits for it in vain.
    await endLeftovers(stackDir);
    await Promise.allSettled(all);
    throw error;
  }
}

/** The services' own commands give them the example users; running them again changes nothing. */
async function seed(environment: Readonly<Record<string, string>>): Promise<void> {
  const services = ["payments", "notifications"];
  await Promise.all(
    services.map((name) => runNodeProgram(`services/${name}/commands/seed.ts`, [], environment)),
  );
}
