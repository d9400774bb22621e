import { once } from "node:events";
import { createServer } from "node:net";
import { isErrno, SetupError } from "../../setup-error.ts";

/**
 * Resolves to `port` when it is free on 127.0.0.1, and to some free one for 0.
 *
 * @throws {SetupError} when somebody else has the port.
 */
export async function freePort(port: number): Promise<number> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (cause) {
    if (!isErrno(cause, "EADDRINUSE")) throw cause;
    throw new SetupError(
      `Port ${port} on 127.0.0.1 is in use: end the program that has it (another Duly?) and start again.`,
      { cause },
    );
  }
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("A listening server has no port.");
  return address.port;
}
