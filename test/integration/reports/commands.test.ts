import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { ReportTransactions } from "#shared/contracts/reports.ts";
import { runFile } from "../../support/run-file.ts";
import { serviceDatabase } from "../../support/service-database.ts";

const { db, url } = await serviceDatabase("reports", [ReportTransactions]);

const request = (...args: string[]) =>
  runFile("services/reports/commands/request-report.ts", args, { DATABASE_URL: url });

test("request report makes one low job for the period and prints its id", async () => {
  const correlation = randomUUID();
  const period = ["--from", "2026-05-01T00:00:00Z", "--until", "2026-05-02T00:00:00Z"];
  const finished = await request(...period, "--correlation", correlation);
  const job = db.selectFrom("duly.jobs").selectAll().where("id", "=", finished.out.trim());
  expect(finished).toMatchObject({ code: 0, err: "" });
  expect(await job.executeTakeFirstOrThrow()).toMatchObject({
    type: "report.transactions",
    priority: "low",
    correlation_id: correlation,
    payload: { from: "2026-05-01T00:00:00.000Z", until: "2026-05-02T00:00:00.000Z" },
  });
});

test.each([
  [[], "give --from and --until, or --last 1h"],
  [["--last", "soon"], '"soon" is no duration'],
  [["--last", "1h", "--correlation", "7"], "--correlation must be a UUID"],
])("request report %j is refused with what to do", async (args, sentence) => {
  const finished = await request(...args);
  expect(finished.code).toBeGreaterThan(0);
  expect(finished.err).toContain(sentence);
});
