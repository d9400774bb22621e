import type { JobStory } from "#shared/jobs/read-job-story.ts";
import { explainJob } from "./explain-job.ts";

/** Shows one job to a person at a terminal, a line for each thing that there is to say. */
export function jobLines(job: JobStory): string[] {
  const facts: readonly (readonly [string, unknown])[] = [
    ["state", job.state],
    ["priority", job.priority],
    ["ordering key", job.ordering_key],
    ["unique key", job.unique_key],
    ["enqueued", job.enqueued_at],
    ["due", job.run_at],
    ["expires", job.expires_at],
    ["started", job.started_at],
    ["ended", job.finished_at],
    ["sends", job.send],
    ["attempts", `${job.attempt} of ${job.max_attempts}`],
    ["holds", job.holds === 0 ? null : job.holds],
    ["cancelling", job.cancel_requested && job.finished_at === null ? "requested" : null],
    ["last error", job.last_error === null ? null : `${job.last_error.name}: ${job.last_error.message}`],
    ["progress", asText(job.progress)],
    ["result", asText(job.result)],
    ["payload", asText(job.payload)],
    ["story", job.correlation_id],
    ["cause", job.causation_id],
  ];
  const told = facts.filter(([, value]) => value !== null && value !== undefined);
  const width = Math.max(...told.map(([name]) => name.length)) + 2;
  return [
    `${job.type} ${job.id} of ${job.service}${job.place === "history" ? ", in the history" : ""}`,
    explainJob(job),
    "",
    ...told.map(([name, value]) => `${name.padEnd(width)}${String(value)}`),
    ...job.intents.map(
      ({ number, outcome, made_at }) =>
        `${"intent".padEnd(width)}${job.id}.${number} ${outcome}, stored ${made_at}`,
    ),
    ...job.letters.map(
      ({ id, reason, created_at, closed_at }) =>
        `${"letter".padEnd(width)}${id} ${reason}, ${created_at}, ${closed_at === null ? "open" : `closed ${closed_at}`}`,
    ),
  ];
}

function asText(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}
