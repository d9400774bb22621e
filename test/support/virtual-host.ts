import { randomUUID } from "node:crypto";
import { type Channel, type ChannelModel, connect, type GetMessage, type Options } from "amqplib";
import { inject } from "vitest";

/** Where a broker is, and who may administrate it. */
export interface BrokerAddress {
  readonly amqpUrl: string;
  /** Address of its HTTP API. */
  readonly managementUrl: string;
  readonly user: string;
  readonly password: string;
}

/** The broker of this run of tests. */
function testBroker(): BrokerAddress {
  return {
    amqpUrl: inject("amqpUrl"),
    managementUrl: inject("rabbitmqUrl"),
    user: inject("rabbitmqUser"),
    password: inject("rabbitmqPassword"),
  };
}

/** A virtual host of RabbitMQ for one test file, with what a person could do in its management UI. */
export interface VirtualHost {
  readonly url: string;
  readonly name: string;
  /** Puts bytes on a queue by hand, past the relay. */
  readonly put: (queue: string, body: Buffer, properties?: Options.Publish) => Promise<void>;
  /** Takes all ready messages off a queue. */
  readonly takeAll: (queue: string) => Promise<GetMessage[]>;
  /** Takes all ready messages off a queue and returns them, as a consumer that dies does: they come as redelivered. */
  readonly handBack: (queue: string) => Promise<number>;
  /** Takes all ready messages off a queue and rejects them, as a foreign consumer may. */
  readonly rejectAll: (queue: string) => Promise<number>;
  /**
   * Deletes a queue. RabbitMQ 3.10 answers a little before all of it is gone: who declares it again within some 20 ms
   * gets a queue that confirms everything and delivers nothing, for good.
   */
  readonly deleteQueue: (queue: string) => Promise<void>;
  readonly count: (queue: string) => Promise<number>;
  readonly unbind: (queue: string, exchange: string, key: string) => Promise<void>;
  readonly bind: (queue: string, exchange: string, key: string) => Promise<void>;
  /** Cuts every connection, as an operator's "Force close" does. */
  readonly cutConnections: () => Promise<number>;
  /** Loses everything: queues, exchanges and messages, as a broker does whose disk was wiped. */
  readonly wipe: () => Promise<void>;
  readonly remove: () => Promise<void>;
}

/** Makes a virtual host on the tests' broker, or on another one. */
export async function makeVirtualHost(server = testBroker()): Promise<VirtualHost> {
  const name = `test-${randomUUID().slice(0, 8)}`;
  const make = async () => {
    await management("PUT", `/api/vhosts/${name}`, undefined, server);
    const permissions = { configure: ".*", write: ".*", read: ".*" };
    const user = encodeURIComponent(server.user);
    await management("PUT", `/api/permissions/${name}/${user}`, permissions, server);
  };
  await make();
  const address = new URL(server.amqpUrl);
  address.pathname = `/${name}`;
  const url = address.href;
  let connection: Promise<ChannelModel> | undefined;
  const withChannel = async <T>(
    use: (channel: Awaited<ReturnType<ChannelModel["createConfirmChannel"]>>) => Promise<T>,
  ) => {
    connection ??= connect(url, { noDelay: true, clientProperties: { connection_name: "test" } }).then(
      (opened) => opened.on("error", () => undefined).on("close", () => (connection = undefined)),
    );
    const channel = await (await connection).createConfirmChannel();
    channel.on("error", () => undefined);
    try {
      return await use(channel);
    } finally {
      await channel.close();
    }
  };
  return {
    url,
    name,
    put: (queue, body, properties = {}) =>
      withChannel(async (channel) => {
        channel.publish("", queue, body, { persistent: true, ...properties });
        await channel.waitForConfirms();
      }),
    takeAll: (queue) =>
      withChannel(async (channel) => {
        const taken: GetMessage[] = [];
        for (let next = await channel.get(queue); next !== false; next = await channel.get(queue)) {
          channel.ack(next);
          taken.push(next);
        }
        return taken;
      }),
    // Rejected, not nacked: since 4.3 only that counts as a failed delivery.
    handBack: (queue) =>
      withChannel((channel) => takeReady(channel, queue, (message) => channel.reject(message, true))),
    rejectAll: (queue) =>
      withChannel((channel) => takeReady(channel, queue, (message) => channel.reject(message, false))),
    deleteQueue: (queue) => withChannel(async (channel) => void (await channel.deleteQueue(queue))),
    count: (queue) => withChannel(async (channel) => (await channel.checkQueue(queue)).messageCount),
    unbind: (queue, exchange, key) =>
      withChannel(async (channel) => void (await channel.unbindQueue(queue, exchange, key))),
    bind: (queue, exchange, key) =>
      withChannel(async (channel) => void (await channel.bindQueue(queue, exchange, key))),
    cutConnections: async () => {
      await (await connection)?.close();
      connection = undefined;
      const open = (await management("GET", `/api/vhosts/${name}/connections`, undefined, server)) as {
        name: string;
      }[];
      for (const { name: id } of open)
        await management("DELETE", `/api/connections/${encodeURIComponent(id)}`, undefined, server);
      return open.length;
    },
    wipe: async () => {
      await (await connection)?.close();
      connection = undefined;
      await management("DELETE", `/api/vhosts/${name}`, undefined, server);
      await make();
    },
    remove: async () => {
      await (await connection)?.close();
      await management("DELETE", `/api/vhosts/${name}`, undefined, server);
    },
  };
}

async function takeReady(
  channel: Channel,
  queue: string,
  settle: (message: GetMessage) => void,
): Promise<number> {
  const taken: GetMessage[] = [];
  for (let next = await channel.get(queue); next !== false; next = await channel.get(queue)) taken.push(next);
  for (const message of taken) settle(message);
  return taken.length;
}

/** Calls RabbitMQ's HTTP API as the tests' administrator. */
export async function management(
  method: string,
  path: string,
  body?: unknown,
  server = testBroker(),
): Promise<unknown> {
  const login = Buffer.from(`${server.user}:${server.password}`).toString("base64");
  const response = await fetch(`${server.managementUrl}${path}`, {
    method,
    headers: { authorization: `Basic ${login}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok && response.status !== 404) {
    throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  }
  const text = await response.text();
  return text === "" ? undefined : (JSON.parse(text) as unknown);
}
