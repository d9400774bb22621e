import { defineConfig } from "vitest/config";

/**
 * For tests that use PostgreSQL, RabbitMQ or processes. Each project calls it once, before the first test of any
 * project and in the same process, so it can start the servers for the first and hand them to the second.
 */
const servers = { globalSetup: ["test/support/infrastructure.ts"] };

/** Kill whole servers and processes again and again: run by CI and `npm run test:all`, too long for `npm test`. */
const long = [
  "test/integration/broker/own-node.test.ts",
  "test/integration/broker/kills.test.ts",
  "test/integration/consuming/killers.test.ts",
  "test/e2e/payment-steps.test.ts",
];
/** Measure times in which nothing else may run. */
const measured = ["test/e2e/lateness.test.ts", "test/e2e/stack-lateness.test.ts"];
/** The words of the command line that name files, and no project. */
const named = process.argv.filter((word, place, all) => word.length > 4 && all[place - 1] !== "--project");
const left =
  process.env["DULY_ALL_TESTS"] === "1"
    ? []
    : // One that is named is meant.
      long.filter((file) => !named.some((word) => file.includes(word)));

export default defineConfig({
  test: {
    // Processes, not threads: signals, exit codes and process.env are what many of these tests are about.
    pool: "forks",
    // Fit for a machine of two cores: some have work while the others wait for a server.
    maxWorkers: 4,
    // Where it says isolate: false, the files of a worker share a process, for each that starts costs half a second. So
    // what a file changes in the process it puts right again, and what it opens it closes.
    // What needs no servers answers first; --sequence.shuffle mixes within these groups.
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          isolate: false,
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
          exclude: left,
          isolate: false,
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
          exclude: [...measured, ...left],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Each story starts many processes of its own.
          maxWorkers: 3,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          ...servers,
          name: "measured",
          include: measured,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
