import { z } from "zod";

/** A queue, and what the policies that are in force on it come to. */
export interface PolicedQueue {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** The policies' names, the operator's own among them; empty for none. */
  readonly policies: readonly string[];
  /** Undefined while RabbitMQ has no figures of the queue: it was declared, or the node started, some seconds ago. */
  readonly definition: Readonly<Record<string, unknown>> | undefined;
}

/** Where RabbitMQ's HTTP API is, and of which virtual host it is asked. */
export interface ManagementAddress {
  /** `http://host:15672`; a user in it goes before the one of `amqpUrl`. */
  readonly managementUrl: string;
  readonly amqpUrl: string;
}

const PATIENCE_MS = 5_000;
const COLUMNS = "name,arguments,policy,operator_policy,effective_policy_definition";

/** RabbitMQ writes an empty object as an empty list, here and there. */
const Settings = z.union([z.record(z.string(), z.unknown()), z.array(z.never()).transform(() => ({}))]);
const Queues = z.array(
  z.object({
    name: z.string(),
    arguments: Settings.default({}),
    policy: z.string().nullish(),
    operator_policy: z.string().nullish(),
    effective_policy_definition: Settings.nullish(),
  }),
);

/**
 * Asks RabbitMQ's HTTP API which policies are in force on the queues of a virtual host. AMQP cannot tell.
 *
 * @throws {Error} that says what to do, when it is not there, takes too long or refuses this user.
 */
export async function readPolicedQueues(
  { managementUrl, amqpUrl }: ManagementAddress,
  end: AbortSignal,
): Promise<PolicedQueue[]> {
  const broker = new URL(amqpUrl);
  const { origin, username, password } = new URL(managementUrl);
  const [user, secret] = username === "" ? [broker.username, broker.password] : [username, password];
  const login = `${decodeURIComponent(user) || "guest"}:${decodeURIComponent(secret) || "guest"}`;
  const virtualHost = broker.pathname.length > 1 ? decodeURIComponent(broker.pathname.slice(1)) : "/";
  const url = `${origin}/api/queues/${encodeURIComponent(virtualHost)}?columns=${COLUMNS}`;
  const response = await fetch(url, {
    headers: { authorization: `Basic ${Buffer.from(login).toString("base64")}` },
    redirect: "manual",
    signal: AbortSignal.any([end, AbortSignal.timeout(PATIENCE_MS)]),
  });
  if (response.status === 401) {
    throw new Error(`${origin} refuses the user: give it the tag "management", and access to ${virtualHost}`);
  }
  if (!response.ok) throw new Error(`${origin} answers ${response.status}: is it RabbitMQ's HTTP API?`);
  return Queues.parse(await response.json()).map((queue) => ({
    name: queue.name,
    arguments: queue.arguments,
    policies: [queue.policy, queue.operator_policy].filter(isNamed),
    definition: queue.effective_policy_definition ?? undefined,
  }));
}

function isNamed(policy: string | null | undefined): policy is string {
  return typeof policy === "string" && policy !== "";
}
