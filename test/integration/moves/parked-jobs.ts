import { z } from "zod";
import {
  defineJob,
  type Handler,
  handle,
  PermanentError,
  PRIORITIES,
  RetryableError,
  UnreachableError,
} from "#shared/index.ts";

/** What the first process does with a job; the next one simply does it. */
const payload = z.object({ first: z.enum(["hangs", "fails", "failsForLong", "reachesNobody", "refuses"]) });
type Payload = z.infer<typeof payload>;

/** The provider drops a key's second request. Its backoff is waited out by RabbitMQ. */
export const Keyed = defineJob("parked.keyed", {
  payload,
  priorities: PRIORITIES,
  attempts: 2,
  backoff: [1_000],
});
/** As a mail: no key. */
export const Mail = defineJob("parked.mail", { payload, priority: "high" });
/** Its backoff is the longest that RabbitMQ waits out. */
export const Patient = defineJob("parked.patient", {
  payload,
  priority: "medium",
  attempts: 2,
  backoff: [64_000],
});
/** Its type is paused. */
export const Paused = defineJob("parked.paused", { payload, priority: "critical" });

const AN_HOUR_MS = 3_600_000;
const forEver = () => Promise.withResolvers<string>().promise;

/** The handlers of a process that leaves every job behind as its payload says. */
export const parking: readonly Handler[] = handlers(({ first }) => {
  switch (first) {
    case "hangs":
      return forEver();
    case "fails":
      throw new RetryableError("parked", "again after the backoff");
    case "failsForLong":
      throw new RetryableError("parked", "again in an hour", { retryAfterMs: AN_HOUR_MS });
    case "reachesNobody":
      throw new UnreachableError("the provider", "nobody there");
    case "refuses":
      throw new PermanentError("parked", "never");
  }
});

/** The handlers of the process that comes after it. */
export const finishing: readonly Handler[] = handlers(() => Promise.resolve("done"));

function handlers(perform: (payload: Payload) => Promise<string>): Handler[] {
  const keyed = [Keyed, Patient, Paused].map((definition) =>
    handle(definition, { effects: "keyed", perform: async (context) => perform(context.payload) }),
  );
  const mail = handle(Mail, { effects: "atLeastOnce", perform: async (context) => perform(context.payload) });
  return [...keyed, mail];
}
