import type { JobStory } from "#shared/jobs/read-job-story.ts";

/** Says in one sentence what a job waits for, or how it ended. */
export function explainJob(job: JobStory): string {
  switch (job.state) {
    case "scheduled":
      return `It is due at ${job.wake_at}.`;
    case "blocked":
      return explainLine(job);
    case "queued":
      return explainSend(job);
    case "running":
      return job.holder === null
        ? "Its holder shows no sign of life; the sweep sends it again after 30 s."
        : `It runs in process ${job.holder.pid} on ${job.holder.host}, last seen at ${job.holder.seen_at}.`;
    case "retrying":
      return `Attempt ${job.attempt} of ${job.max_attempts} failed; the next one is at ${job.retry_at}.`;
    case "held":
      return `It waits for ${job.waits_for}, until ${job.wake_at} at the latest; that costs no attempt.`;
    case "dead_lettered":
      return `It was given up (${openLetter(job)?.reason ?? "its letter is closed"}) and waits for people.`;
    case "completed":
      return `It was done at ${job.finished_at}.`;
    case "cancelled":
      return `It was cancelled at ${job.finished_at}: ${job.last_error?.message ?? "no reason was given"}.`;
  }
}

function explainLine({ ordering_key, active, ahead }: JobStory): string {
  const behind = ahead === 0 ? "It is next" : `${ahead} go before it`;
  if (active === null) return `${behind} in the line of "${ordering_key}", which is about to move on.`;
  const holds = active.state === "dead_lettered" ? " Until that letter is settled, the line is held." : "";
  return `${behind} in the line of "${ordering_key}", after job ${active.id}, which is ${active.state}.${holds}`;
}

function explainSend({ outbox, send, service, priority }: JobStory): string {
  const row = outbox.find((one) => one.send === send);
  if (row === undefined) return `RabbitMQ has it: it waits in ${service}.${priority} for a free worker.`;
  if (row.returns === 0) return "It waits in the outbox for the relay to publish it.";
  return `RabbitMQ gave it back ${row.returns} times (no queue, or no room); the relay tries again at ${row.not_before}.`;
}

function openLetter({ letters }: JobStory) {
  return letters.find((letter) => letter.closed_at === null);
}
