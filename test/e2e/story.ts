import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { JobState } from "#shared/contracts/job-state.ts";
import type { Database } from "#shared/index.ts";
import { eventually } from "../support/eventually.ts";

/** A job of a story. */
export interface StoryJob {
  readonly id: string;
  readonly type: string;
  readonly state: JobState;
  readonly attempt: number;
  readonly holds: number;
  readonly waitsFor: string | null;
  readonly lastError: { readonly message: string } | null;
}

/** All jobs under one correlation id. */
export interface Story {
  readonly correlationId: string;
  readonly jobs: () => Promise<StoryJob[]>;
  /** Waits until there are that many jobs of each type and all of them have ended. */
  readonly ends: (counts: Readonly<Record<string, number>>, timeoutMs?: number) => Promise<StoryJob[]>;
}

/** Begins a story in a database. */
export function beginStory(db: Database): Story {
  const correlationId = randomUUID();
  const jobs = async () => {
    const { rows } = await sql<StoryJob>`
      select id, type, state, attempt, holds, waits_for as "waitsFor", last_error as "lastError"
      from duly.jobs where correlation_id = ${correlationId} order by number
    `.execute(db);
    return rows;
  };
  const ends = async (counts: Readonly<Record<string, number>>, timeoutMs = 60_000) => {
    let last: StoryJob[] = [];
    try {
      await eventually(
        "the story to end",
        async () => {
          last = await jobs();
          return (
            Object.entries(counts).every(
              ([type, count]) => last.filter((job) => job.type === type).length >= count,
            ) && last.every(hasEnded)
          );
        },
        timeoutMs,
      );
    } catch (cause) {
      const open = last.filter((job) => !hasEnded(job)).map((job) => JSON.stringify(job));
      throw new Error(
        `the story did not end in ${timeoutMs} ms: of ${JSON.stringify(counts)} there are ` +
          `${JSON.stringify(countByType(last))}, and not at their end are:\n${open.join("\n")}`,
        { cause },
      );
    }
    return last;
  };
  return { correlationId, jobs, ends };
}

/** How many jobs there are of each type. */
export function countByType(jobs: readonly StoryJob[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { type } of jobs) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}

/** The jobs that did not complete at their first attempt. */
export function notAtFirst(jobs: readonly StoryJob[]): StoryJob[] {
  return jobs.filter(({ state, attempt }) => state !== "completed" || attempt !== 1);
}

function hasEnded({ state }: StoryJob): boolean {
  return state === "completed" || state === "dead_lettered" || state === "cancelled";
}
