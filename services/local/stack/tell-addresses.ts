import type { Stack } from "./stack.ts";

/** Tells the person where everything is. */
export function tellAddresses(stack: Stack, stackFile: string, out: (line: string) => void): void {
  const rows = [
    ["RabbitMQ", `${stack.rabbitmqUrl}   login: ${stack.rabbitmqUser} / ${stack.rabbitmqPassword}`],
    ["Mailbox", stack.mailUrl],
    ["Chat", `${stack.chatUrl}/conversations`],
    ["Cards", `${stack.cardsUrl}/charges`],
    ["PostgreSQL", stack.databaseUrl],
    ["Chain", `${stack.chainUrl}   token: ${stack.tokenAddress}`],
    ["Reports", stack.reportsDir],
    ["Logs", stack.logsDir],
    ["All of it", stackFile],
  ];
  out("");
  for (const [name = "", where = ""] of rows) out(`  ${name.padEnd(14)} ${where}`);
  out("");
}
