import { createServer } from "node:net";
import { isErrno, SetupError } from "../setup-error.ts";

/** What each port of the stack is for, in the order in which DULY_PORTS_FROM numbers them. */
const PURPOSES = {
  postgres: "PostgreSQL",
  amqp: "RabbitMQ (AMQP)",
  management: "RabbitMQ's UI",
  epmd: "RabbitMQ's port mapper",
  distribution: "RabbitMQ's own protocol",
  prometheus: "RabbitMQ's metrics",
  chain: "the local chain",
  smtp: "the mailbox (SMTP)",
  mailbox: "the mailbox (HTTP)",
  chat: "the local chat service",
  cards: "the local card processor",
} as const;
type PortName = keyof typeof PURPOSES;
const COUNT = Object.keys(PURPOSES).length;

/** Every port of the stack, all on 127.0.0.1. */
export type Ports = Readonly<Record<PortName, number>>;

const DEFAULTS: Ports = {
  postgres: 15432,
  amqp: 15673,
  management: 15674,
  epmd: 14369,
  distribution: 15675,
  prometheus: 15676,
  chain: 18545,
  smtp: 11025,
  mailbox: 11080,
  chat: 11090,
  cards: 11095,
};

/** The stack's ports: a fixed set, or as many in a row from DULY_PORTS_FROM. */
export function choosePorts(from: string | undefined): Ports {
  if (from === undefined || from === "") return DEFAULTS;
  const first = Number(from);
  if (!Number.isInteger(first) || first < 1024 || first + COUNT > 65_536) {
    throw new SetupError(`DULY_PORTS_FROM must be a number from 1024 to ${65_536 - COUNT}, not "${from}".`);
  }
  const given = Object.keys(PURPOSES).map((name, index) => [name, first + index] as const);
  return { ...DEFAULTS, ...Object.fromEntries<number>(given) };
}

/**
 * Makes sure that nothing else listens on the ports that will be needed.
 *
 * @throws {SetupError} naming every port in use and who needs it.
 */
export async function checkPorts(ports: Ports, needed: readonly PortName[]): Promise<void> {
  const free = await Promise.all(needed.map((name) => isFree(ports[name])));
  const taken = needed.filter((_, index) => free[index] !== true);
  if (taken.length === 0) return;
  const list = taken.map((name) => `  127.0.0.1:${ports[name]}, needed for ${PURPOSES[name]}`).join("\n");
  throw new SetupError(
    `Another program already listens on:\n${list}\n` +
      "End it, or move all of Duly's ports: DULY_PORTS_FROM=25000 npm start",
  );
}

async function isFree(port: number): Promise<boolean> {
  try {
    await close(await listen(port));
    return true;
  } catch (error) {
    if (isErrno(error, "EADDRINUSE")) return false;
    throw error;
  }
}

function listen(port: number): Promise<ReturnType<typeof createServer>> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject).listen({ port, host: "127.0.0.1", exclusive: true }, () => resolve(server));
  });
}

function close(server: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
