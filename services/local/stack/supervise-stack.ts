import { join } from "node:path";
import type { StackOptions } from "../options.ts";
import { endLeftovers } from "../processes/leftovers.ts";
import { createProgress } from "../progress.ts";
import { explain } from "../setup-error.ts";
import { choosePorts } from "./ports.ts";
import { writePrivateJson } from "./private-file.ts";
import { createRoster } from "./roster.ts";
import { loadSecrets } from "./secrets.ts";
import { commandEnvironment, SERVICES } from "./service-environment.ts";
import { createServiceKeeper, type ServiceKeeper } from "./service-keeper.ts";
import type { Stack, StackAddresses } from "./stack.ts";
import { startFoundation } from "./start-foundation.ts";
import { type StopRequest, untilStop } from "./stop-request.ts";
import { tellAddresses } from "./tell-addresses.ts";

/** Starts everything, runs the demo, waits to be asked to stop, and drains; resolves to the exit code. */
export async function superviseStack(
  stackDir: string,
  options: StackOptions,
  request: StopRequest,
  out: (line: string) => void,
): Promise<number> {
  const started = performance.now();
  const stackFile = join(stackDir, "stack.json");
  const roster = createRoster();
  let publish: (() => void) | undefined;
  const keeper = createServiceKeeper(stackDir, out, () => publish?.());
  // A request to stop makes what is starting fail; after the start it is heeded below.
  const abandon = () => void endLeftovers(stackDir).catch((error: unknown) => out(explain(error)));
  request.signal.addEventListener("abort", abandon);
  try {
    const ports = choosePorts(process.env["DULY_PORTS_FROM"]);
    const progress = createProgress(out);
    const server = { stackDir, ports, secrets: loadSecrets(stackDir), disposable: false };
    const addresses = await startFoundation(server, roster, progress);
    request.signal.throwIfAborted();
    await progress.step("services", () => startServices(keeper, addresses));
    request.signal.throwIfAborted();
    request.signal.removeEventListener("abort", abandon);

    const { otpKey: _, ...known } = addresses;
    const environment = commandEnvironment(addresses);
    const describe = (): Stack => ({
      ...known,
      environment,
      processes: [...roster.processes(), ...keeper.processes()],
    });
    publish = () => writePrivateJson(stackFile, describe());
    publish();
    out(`\nDuly is up after ${((performance.now() - started) / 1000).toFixed(1)} s.`);
    tellAddresses(describe(), stackFile, out);

    const code = options.demo ? await runDemoUntilStop(describe(), request, out) : 0;
    if (options.once) return code;
    if (!request.signal.aborted) out("Ctrl-C drains and stops everything.");
    await untilStop(request);
    return 0;
  } catch (error) {
    if (request.signal.aborted) return 130;
    throw error;
  } finally {
    request.signal.removeEventListener("abort", abandon);
    publish = undefined;
    const isRunning = roster.processes().length + keeper.processes().length > 0;
    if (isRunning)
      out("Draining: services finish their work, then the servers stop (Ctrl-C again stops at once).");
    await keeper.stopAll();
    await roster.stopAll();
    if (isRunning) out("Stopped.");
  }
}

async function startServices(keeper: ServiceKeeper, addresses: StackAddresses): Promise<void> {
  const starting = Object.entries(SERVICES).map(([name, environment]) =>
    keeper.start(name, environment(addresses)),
  );
  // None may still be starting when the stack is taken down because another failed.
  await Promise.allSettled(starting);
  await Promise.all(starting);
}

/** Runs the demo, or as much of it as there is time for. */
async function runDemoUntilStop(
  stack: Stack,
  request: StopRequest,
  out: (line: string) => void,
): Promise<number> {
  const { runDemo } = await import("../demo/run-demo.ts");
  const demo = runDemo(stack, { out, signal: request.signal });
  const outcome = await Promise.race([demo, untilStop(request)]);
  if (outcome === undefined) {
    await Promise.allSettled([demo]); // it lets go of the terminal; what it was told by the signal is no news
    return 130;
  }
  out(outcome.summary);
  return outcome.ok ? 0 : 1;
}
