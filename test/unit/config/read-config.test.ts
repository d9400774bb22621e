import { expect, test } from "vitest";
import { ConsumerConfig, readConfig, ServiceConfig } from "#shared/index.ts";
import { RelayConfig } from "../../../services/relay/config.ts";
import { SchedulerConfig } from "../../../services/scheduler/config.ts";

const urls = { DATABASE_URL: "postgres://duly@127.0.0.1/duly", AMQP_URL: "amqp://127.0.0.1" };

test("defaults stand where nothing is set, and an empty variable counts as unset", () => {
  expect(readConfig(ServiceConfig, { ...urls, LOG_LEVEL: "", STOP_GRACE_MS: "" })).toEqual({
    DATABASE_URL: urls.DATABASE_URL,
    LOG_LEVEL: "info",
    STOP_GRACE_MS: 10_000,
  });
  expect(readConfig(RelayConfig, urls)).toMatchObject({ RELAY_WINDOW: 500, RELAY_CONFIRM_MS: 10_000 });
  expect(readConfig(SchedulerConfig, urls)).toMatchObject({ SCHEDULER_WINDOW: 500, KEEP_FINISHED: "1 hour" });
});

test("every variable at fault is named at once, with what it must be", () => {
  const faulty = { AMQP_URL: "not an address", RELAY_WINDOW: "0", RELAY_CONFIRM_MS: "soon" };
  expect(() => readConfig(RelayConfig, faulty)).toThrow(
    expect.objectContaining({
      name: "ConfigError",
      code: "config",
      message: expect.stringMatching(
        /^the environment does not fit:\n {2}DATABASE_URL: is not set \(postgres:.+\)\n {2}AMQP_URL: .+ \(amqp:.+\)\n {2}RELAY_WINDOW: .+\n {2}RELAY_CONFIRM_MS: .+$/,
      ) as string,
    }),
  );
});

test("a value is never written into the message, for it may be a password", () => {
  const faulty = { DATABASE_URL: "hunter2 is no address", AMQP_URL: urls.AMQP_URL };
  expect(() => readConfig(RelayConfig, faulty)).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining("hunter2") as string }),
  );
});

test("the priorities that a process serves are a list of known names", () => {
  expect(readConfig(ConsumerConfig, { ...urls, PRIORITIES: "critical, high" }).PRIORITIES).toEqual([
    "critical",
    "high",
  ]);
  expect(readConfig(ConsumerConfig, urls).PRIORITIES).toHaveLength(5);
  expect(() => readConfig(ConsumerConfig, { ...urls, PRIORITIES: "critical,urgent" })).toThrow(
    /PRIORITIES: /,
  );
});

test("workers are whole numbers from 1", () => {
  expect(readConfig(ConsumerConfig, { ...urls, WORKERS_HIGH: "25" }).WORKERS_HIGH).toBe(25);
  for (const wrong of ["0", "-1", "1.5", "many"]) {
    expect(() => readConfig(ConsumerConfig, { ...urls, WORKERS_HIGH: wrong })).toThrow(/WORKERS_HIGH: /);
  }
});
