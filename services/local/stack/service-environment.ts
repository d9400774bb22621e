import type { StackAddresses } from "./stack.ts";

/** Settings of one process. */
export type Environment = Readonly<Record<string, string>>;

const engine = (stack: StackAddresses): Environment => ({
  DATABASE_URL: stack.databaseUrl,
  AMQP_URL: stack.amqpUrl,
});

const relay = (stack: StackAddresses): Environment => ({
  ...engine(stack),
  RABBITMQ_URL: stack.rabbitmqUrl,
});

const payments = (stack: StackAddresses): Environment => ({
  ...engine(stack),
  CHAIN_URL: stack.chainUrl,
  CHAIN_MNEMONIC: stack.mnemonic,
  TOKEN_ADDRESS: stack.tokenAddress,
  CARDS_URL: stack.cardsUrl,
  CARDS_KEY: stack.cardsKey,
});

const notifications = (stack: StackAddresses): Environment => ({
  ...engine(stack),
  SMTP_URL: stack.smtpUrl,
  MAIL_FROM: "Duly <no-reply@duly.test>",
  OTP_KEY: stack.otpKey,
});

const messages = (stack: StackAddresses): Environment => ({
  ...engine(stack),
  CHAT_URL: stack.chatUrl,
  CHAT_TOKEN: stack.chatToken,
  CHAT_PHONE_ID: stack.chatPhoneId,
});

const reports = (stack: StackAddresses): Environment => ({ ...engine(stack), REPORTS_DIR: stack.reportsDir });

/** The environment of every service, in the order in which the services start. */
export const SERVICES = {
  relay,
  scheduler: engine,
  "dead-letters": engine,
  payments,
  notifications,
  messages,
  reports,
} as const satisfies Record<string, (stack: StackAddresses) => Environment>;

/** What any command of any service may need, in one environment. */
export function commandEnvironment(stack: StackAddresses): Environment {
  return { ...payments(stack), ...notifications(stack), ...messages(stack), ...reports(stack) };
}
