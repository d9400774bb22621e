import { defineConfig } from "vitest/config";

/**
 * For tests that use PostgreSQL, RabbitMQ or processes. Each project calls it once, before the first test of any
 * project and in the same process, so it can start the servers for the first and hand them to the second.
 */
const servers = { globalSetup: ["test/support/infrastructure.ts"] };

export default defineConfig({
  test: {
    // Processes, not threads: signals, exit codes and process.env are what many of these tests are about.
    pool: "forks",
    // Fit for a machine of two cores, which the servers share.
    maxWorkers: 2,
    // What needs no servers answers first; --sequence.shuffle mixes within these groups.
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          testTimeout: 5_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "architecture",
          include: ["test/architecture/**/*.test.ts"],
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          ...servers,
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          ...servers,
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // One story at a time: each starts many processes of its own.
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
