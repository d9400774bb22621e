import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { root, serviceNames } from "../support/repository.ts";

// The part of a compose file that matters here; anything else may stand beside it.
const Program = z.object({
  image: z.string(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.coerce.string()).default({}),
  ports: z.array(z.string()).default([]),
  stop_grace_period: z.string().optional(),
  container_name: z.string().optional(),
  hostname: z.string().optional(),
  volumes: z.array(z.string()).default([]),
});
const Compose = z.object({ services: z.record(z.string(), Program) });

const text = readFileSync(join(root, "docker-compose.yml"), "utf8");
const compose = Compose.parse(parse(text, { merge: true }));
const services = serviceNames().filter((name) => !["cli", "local"].includes(name));

/** What .env.example leaves empty. */
const secrets: Readonly<Record<string, string>> = {
  POSTGRES_PASSWORD: "secret",
  RABBITMQ_PASSWORD: "secret",
  CHAIN_MNEMONIC: "test test test test test test test test test test test junk",
  CARDS_KEY: "sk_test_secret",
  OTP_KEY: Buffer.alloc(32, 1).toString("base64"),
  CHAT_TOKEN: "secret",
};
const example = Object.fromEntries(
  readFileSync(join(root, ".env.example"), "utf8")
    .split("\n")
    .filter((line) => /^[A-Z]/.test(line))
    .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
);

/** Puts values in place of ${NAME:-default} and ${NAME:?message}, as compose does. */
function filledIn(value: string): string {
  return value.replaceAll(/\$\{(\w+)[^}]*\}/g, (_, name: string) => example[name] || (secrets[name] ?? ""));
}

function programOf(name: string): z.infer<typeof Program> {
  const program = compose.services[name];
  if (program === undefined) throw new Error(`docker-compose.yml has no service "${name}": give it an entry`);
  return program;
}

/** The schema that services/<name>/config.ts exports: PaymentsConfig for payments. */
async function schemaOf(name: string): Promise<z.ZodObject> {
  const words = name.split("-").map((word) => word.slice(0, 1).toUpperCase() + word.slice(1));
  const exported = `${words.join("")}Config`;
  const file = join(root, "services", name, "config.ts");
  const module = (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
  const schema = module[exported];
  if (!(schema instanceof z.ZodObject)) throw new Error(`${file} exports no zod object named ${exported}`);
  return schema;
}

describe("docker-compose.yml", () => {
  it("has an entry for every service and for nothing that is not there", () => {
    expect(Object.keys(compose.services).toSorted()).toEqual(
      [...services, "migrate", "postgres", "rabbitmq"].toSorted(),
    );
  });

  describe.each(services)("%s", (name) => {
    it("runs its own main.ts", () => {
      expect(programOf(name).command).toEqual(["node", `services/${name}/main.ts`]);
    });

    it("is given only variables that it reads, and every one that it cannot do without", async () => {
      const { shape } = await schemaOf(name);
      const given = Object.keys(programOf(name).environment);
      const required = Object.keys(shape).filter(
        (key) => !z.safeParse(shape[key] as z.ZodType, undefined).success,
      );
      expect(given.filter((key) => !(key in shape))).toEqual([]);
      expect(required.filter((key) => !given.includes(key))).toEqual([]);
    });

    it("accepts what .env.example and the secrets make of them", async () => {
      const environment = Object.entries(programOf(name).environment).map(([key, value]) => [
        key,
        filledIn(value),
      ]);
      expect((await schemaOf(name)).safeParse(Object.fromEntries(environment)).error).toBeUndefined();
    });

    it("is given more time to stop than it takes for itself", async () => {
      const { shape } = await schemaOf(name);
      const own = z.number().parse(z.parse(shape["STOP_GRACE_MS"] as z.ZodType, undefined));
      expect(Number.parseInt(programOf(name).stop_grace_period ?? "10s", 10) * 1000).toBeGreaterThan(own);
    });
  });

  it("opens ports on this machine alone", () => {
    const ports = Object.values(compose.services).flatMap((program) => program.ports);
    expect(ports).not.toEqual([]);
    expect(ports.filter((port) => !port.startsWith("127.0.0.1:"))).toEqual([]);
  });

  it("names no container, so that every service can have replicas", () => {
    const named = Object.keys(compose.services).filter((name) => compose.services[name]?.container_name);
    expect(named).toEqual([]);
  });

  it("lets a new container of the broker find the data of the one before", () => {
    // A node keeps its data under its own name, which it takes from its host's.
    const broker = programOf("rabbitmq");
    expect(broker.hostname).toBe("rabbitmq");
    expect(broker.volumes).toContain("rabbitmq:/var/lib/rabbitmq");
  });

  it("asks for exactly the variables that .env.example explains", () => {
    const asked = new Set([...text.matchAll(/\$\{(\w+)/g)].map((match) => match[1] ?? ""));
    expect([...asked].toSorted()).toEqual(Object.keys(example).toSorted());
  });

  it("says what to set where there is no default", () => {
    const bare = [...text.matchAll(/\$\{(\w+)(:-|:\?)?/g)].filter((match) => match[2] === undefined);
    expect(bare.map((match) => match[1])).toEqual([]);
    expect(Object.keys(secrets).filter((name) => example[name] !== "")).toEqual([]);
  });
});
