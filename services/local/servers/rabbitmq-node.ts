import { once } from "node:events";
import { connect } from "node:net";
import { type Child, startChild, untilReady } from "../processes/child.ts";
import type { RabbitPorts } from "./rabbitmq-configure.ts";
import type { RabbitInstallation } from "./rabbitmq-find.ts";

/** What a private node is started from. */
export interface RabbitNodeOptions {
  readonly installation: RabbitInstallation;
  readonly env: Readonly<Record<string, string>>;
  readonly ports: RabbitPorts;
  readonly user: string;
  readonly password: string;
  readonly dataDir: string;
  readonly stackDir: string;
  readonly logFile: string;
  /** The data is thrown away afterwards: stop() need not wait until it is in order. */
  readonly disposable: boolean;
}

/** A private node and the Erlang port mapper that only it uses. */
export interface RabbitNode {
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

/** Starts epmd and the node; resolves when AMQP and the management API answer. */
export async function startRabbitNode(options: RabbitNodeOptions): Promise<RabbitNode> {
  const { installation, ports, dataDir, stackDir, logFile } = options;
  // Nothing of the caller's RabbitMQ settings may reach this node.
  const inherited = Object.entries(process.env).filter(([name]) => !/^(RABBITMQ|ERL)_/.test(name));
  const env = { ...Object.fromEntries(inherited), ...installation.env, ...options.env };
  const common = { env, logFile, stackDir, cwd: dataDir };
  const children: Child[] = [];
  const stop = async () => {
    for (const child of children.toReversed())
      await child.stop(options.disposable ? "SIGKILL" : "SIGTERM", 30_000);
  };
  try {
    // Started by us and in the foreground, epmd has a known process id; Erlang would leave a daemon behind.
    const args = ["-port", String(ports.epmd), "-address", "127.0.0.1"];
    const epmd = await startChild({ ...common, name: "epmd", program: installation.epmd, args });
    children.push(epmd);
    await untilReady(epmd, () => accepts(ports.epmd), 10_000);
    const node = await startChild({ ...common, name: "rabbitmq", program: installation.server, args: [] });
    children.push(node);
    await untilReady(
      node,
      async () => (await speaksAmqp(ports.amqp)) && (await managementAnswers(options)),
      120_000,
    );
    return { pid: node.pid, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false; // nothing listens yet
  } finally {
    socket.destroy();
  }
}

async function speaksAmqp(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1", () => socket.write("AMQP\0\0\x09\x01"));
  socket.setTimeout(2000, () => socket.destroy(new Error("no answer")));
  try {
    await once(socket, "data");
    return true;
  } catch {
    return false; // nothing listens yet, or it is not ready to talk
  } finally {
    socket.destroy();
  }
}

async function managementAnswers({ ports, user, password }: RabbitNodeOptions): Promise<boolean> {
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  try {
    const response = await fetch(`http://127.0.0.1:${ports.management}/api/overview`, {
      headers: { authorization },
      signal: AbortSignal.timeout(5000),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false; // nothing listens yet
  }
}
