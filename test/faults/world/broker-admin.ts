import { type ChannelModel, connect } from "amqplib";
import type { RabbitServer } from "../../../services/local/servers/rabbitmq.ts";

/** What a person could do in RabbitMQ's UI to one virtual host. */
export interface BrokerAdmin {
  /** The virtual host's AMQP address. */
  readonly url: string;
  /** Makes the virtual host, unless it is there; after a wipe too. */
  readonly make: () => Promise<void>;
  readonly queues: () => Promise<string[]>;
  /** A connection to it past every link. */
  readonly connect: () => Promise<ChannelModel>;
}

/** Speaks to the management API about the virtual host `name`. */
export function administer(rabbit: RabbitServer, name: string): BrokerAdmin {
  const authorization = `Basic ${Buffer.from(`${rabbit.user}:${rabbit.password}`).toString("base64")}`;
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${rabbit.managementUrl}/api/${path}`, {
      method,
      headers: { authorization, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`RabbitMQ answered ${response.status} to ${method} ${path}: ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  const address = new URL(rabbit.amqpUrl);
  address.pathname = `/${name}`;
  return {
    url: address.href,
    connect: () => connect(address.href, { clientProperties: { connection_name: "faults" } }),
    make: async () => {
      await call("PUT", `vhosts/${name}`);
      const everything = { configure: ".*", write: ".*", read: ".*" };
      await call("PUT", `permissions/${name}/${encodeURIComponent(rabbit.user)}`, everything);
    },
    queues: async () =>
      ((await call("GET", `queues/${name}?columns=name`)) as { name: string }[]).map((queue) => queue.name),
  };
}
