import { sql } from "kysely";
import { z } from "zod";
import { HEADER } from "#shared/broker/headers.ts";
import { deadLetterQueue } from "#shared/broker/names.ts";
import type { DemoRun } from "../demo-run.ts";
import { payingJobs, type RunJob } from "../run-jobs.ts";
import { getJson } from "./get-json.ts";

const QUEUE = deadLetterQueue("payments");
const MOST = 5_000;

const Parked = z.array(
  z.object({ properties: z.object({ headers: z.record(z.string(), z.unknown()).optional() }) }),
);

/** What became of a payment's job that could not be done. */
export interface DeadLetter {
  readonly jobId: string;
  readonly reason: string;
  readonly attempts: number;
  /** Copies of it in the queue of the payments' dead letters. */
  readonly parkedCopies: number;
}

/** Reads the letters of the run's payments, and looks for their copies in RabbitMQ. */
export async function deadLetters(run: DemoRun, jobs: readonly RunJob[]): Promise<DeadLetter[]> {
  const ids = payingJobs(jobs).map(({ id }) => id);
  const { rows } = await sql<Omit<DeadLetter, "parkedCopies">>`
    select job_id as "jobId", reason, attempts from duly.dead_letters where job_id = any(${ids}::uuid[])
  `.execute(run.db);
  const parked = rows.length === 0 ? [] : await parkedJobs(run);
  return rows.map((letter) => ({
    ...letter,
    parkedCopies: parked.filter((jobId) => jobId === letter.jobId).length,
  }));
}

// The messages go back to where they were: they are there for people.
async function parkedJobs({ stack }: DemoRun): Promise<unknown[]> {
  const virtualHost = decodeURIComponent(new URL(stack.amqpUrl).pathname.slice(1)) || "/";
  const url = new URL(`/api/queues/${encodeURIComponent(virtualHost)}/${QUEUE}/get`, stack.rabbitmqUrl);
  const login = Buffer.from(`${stack.rabbitmqUser}:${stack.rabbitmqPassword}`).toString("base64");
  const messages = await getJson(url, Parked, {
    method: "POST",
    headers: { authorization: `Basic ${login}`, "content-type": "application/json" },
    body: JSON.stringify({ count: MOST, ackmode: "ack_requeue_true", encoding: "base64", truncate: 1 }),
  });
  return messages.map(({ properties }) => properties.headers?.[HEADER.job]);
}
