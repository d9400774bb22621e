import { once } from "node:events";
import { createServer } from "node:net";
import { isErrno, SetupError } from "../../setup-error.ts";

/**
 * Resolves when a port of 127.0.0.1 is free.
 *
 * @throws {SetupError} when somebody else has it.
 */
export async function checkFree(port: number): Promise<void> {
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
  server.close();
  await once(server, "close");
}
