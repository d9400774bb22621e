import { randomInt } from "node:crypto";
import { SetupError } from "../../services/local/setup-error.ts";
import { checkPorts, choosePorts, type Ports } from "../../services/local/stack/ports.ts";

/** A free row of a stack's ports, below those that systems give to outgoing connections, which could take one between the look and the start. */
export async function findFreePortRow(): Promise<{ first: number; ports: Ports }> {
  for (let tries = 0; tries < 50; tries += 1) {
    const first = randomInt(20_000, 32_000);
    const ports = choosePorts(String(first));
    try {
      await checkPorts(ports, Object.keys(ports) as (keyof Ports)[]);
      return { first, ports };
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
    }
  }
  throw new Error("there is no free row of ports for a stack on this machine");
}
