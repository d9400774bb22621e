import type { StackSecrets } from "./secrets.ts";

/** One process of the stack. */
export interface StackProcess {
  readonly name: string;
  readonly pid: number;
}

/** Every address, credential and process of a running stack: the content of stack.json. */
export interface Stack {
  readonly databaseUrl: string;
  readonly amqpUrl: string;
  readonly rabbitmqUrl: string;
  readonly rabbitmqUser: string;
  readonly rabbitmqPassword: string;
  readonly chainUrl: string;
  readonly tokenAddress: string;
  readonly mnemonic: string;
  readonly smtpUrl: string;
  readonly mailUrl: string;
  readonly chatUrl: string;
  readonly chatToken: string;
  readonly chatPhoneId: string;
  readonly cardsUrl: string;
  readonly cardsKey: string;
  readonly reportsDir: string;
  readonly logsDir: string;
  /** The environment in which the services' commands run against this stack. */
  readonly environment: Readonly<Record<string, string>>;
  readonly processes: readonly StackProcess[];
}

/** The stack before its services run. */
export type StackAddresses = Omit<Stack, "environment" | "processes"> & Pick<StackSecrets, "otpKey">;
