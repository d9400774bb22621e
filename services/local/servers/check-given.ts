import { once } from "node:events";
import { connect } from "node:net";
import { SetupError } from "../setup-error.ts";

/** A server whose address is in the environment. */
export interface GivenServer {
  readonly variable: "DATABASE_URL" | "AMQP_URL";
  readonly address: string;
}

const FORMS = {
  DATABASE_URL: {
    protocols: ["postgres:", "postgresql:"],
    like: "postgres://user:password@host:5432/database",
  },
  AMQP_URL: { protocols: ["amqp:", "amqps:"], like: "amqp://user:password@host:5672/vhost" },
} as const;
const POSTGRES_PORT = 5432;
const ANSWERS_WITHIN_MS = 5_000;

/**
 * Reads the address of a given server.
 *
 * @throws {SetupError} when it cannot be one; the error names no password.
 */
export function parseGiven({ variable, address }: GivenServer): URL {
  const { protocols, like } = FORMS[variable];
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !protocols.some((protocol) => protocol === url.protocol))
    throw new SetupError(`${variable} has to look like ${like}.`);
  return url;
}

/**
 * Makes sure that something listens at the address of a given server, before all else is started for nothing.
 *
 * @throws {SetupError} naming the variable, and the host but not the password.
 */
export async function checkGiven(given: GivenServer): Promise<void> {
  const { variable } = given;
  const url = parseGiven(given);
  const port = Number(url.port) || POSTGRES_PORT;
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const socket = connect({ host, port, timeout: ANSWERS_WITHIN_MS });
  socket.on("timeout", () => socket.destroy(new Error(`no answer within ${ANSWERS_WITHIN_MS / 1000} s`)));
  try {
    await once(socket, "connect");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SetupError(
      `${variable} names ${host}:${port}, where nothing answers: ${why}\n` +
        `Start that server, correct ${variable}, or leave it out: Duly then brings one of its own.`,
      { cause },
    );
  } finally {
    socket.destroy();
  }
}
