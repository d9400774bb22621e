import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { isErrno, SetupError } from "../../services/local/setup-error.ts";
import { checkPorts, choosePorts, type Ports } from "../../services/local/stack/ports.ts";

/** Below what systems give to outgoing connections, one of which could take a port between the look and the start. */
const LEAST = 20_000;
const MOST = 32_000;
/** The guard and a stack's ports. */
const ROW = 12;

/**
 * A free row of a stack's ports. No other test gets one of them while this process lives: it keeps listening on the port
 * before the row.
 */
export async function findFreePortRow(): Promise<{ first: number; ports: Ports }> {
  for (let tries = 0; tries < 50; tries += 1) {
    const guard = LEAST + ROW * randomInt((MOST - LEAST) / ROW);
    const ports = choosePorts(String(guard + 1));
    if ((await isGuarded(guard)) && (await areFree(ports))) return { first: guard + 1, ports };
  }
  throw new Error("there is no free row of ports for a stack on this machine");
}

async function isGuarded(port: number): Promise<boolean> {
  const server = createServer().unref();
  try {
    await once(server.listen({ port, host: "127.0.0.1", exclusive: true }), "listening");
    return true;
  } catch (error) {
    if (isErrno(error, "EADDRINUSE")) return false;
    throw error;
  }
}

async function areFree(ports: Ports): Promise<boolean> {
  try {
    await checkPorts(ports, Object.keys(ports) as (keyof Ports)[]);
    return true;
  } catch (error) {
    if (error instanceof SetupError) return false;
    throw error;
  }
}
