import { findHarms, type Harm } from "#shared/broker/find-harms.ts";
import { queueNamesOf } from "#shared/broker/queue-names.ts";
import type { PolicedQueue } from "#shared/broker/read-policed-queues.ts";
import type { Database } from "#shared/database/database.ts";
import { makeGood, noteHarm } from "#shared/jobs/make-good.ts";
import { readTopology } from "#shared/jobs/read-topology.ts";
import type { Logger } from "#shared/log/logger.ts";

export interface PolicyWatchOptions {
  readonly db: Database;
  readonly read: () => Promise<readonly PolicedQueue[]>;
  readonly log: Logger;
}

/** Queues that the log names, of those that the policies are in force on. */
const NAMED_QUEUES = 5;

/**
 * Watches for policies of RabbitMQ that let messages of our queues vanish (a `message-ttl` over all queues, say). It says
 * so when there is one, when it changes, and when it is gone; then what it may have taken is sent again.
 */
export class PolicyWatch {
  readonly #options: PolicyWatchOptions;
  #said = "";

  constructor(options: PolicyWatchOptions) {
    this.#options = options;
  }

  /**
   * Looks once.
   *
   * @returns whether all of our queues could be judged; RabbitMQ has no figures of one that it has only just got.
   */
  async look(): Promise<boolean> {
    const { db, read, log } = this.#options;
    const ours = queueNamesOf(await readTopology(db));
    const queues = (await read()).filter(({ name }) => ours.has(name));
    const harms = findHarms(queues);
    // RabbitMQ tells of one queue after the other: whether it is said already, the queues do not decide.
    const policies = harms.map(inWords).join("; ");
    if (harms.length > 0 && policies !== this.#said) {
      const named = inShort(harms.flatMap((harm) => harm.queues));
      log.error(
        { policies, queues: named },
        "policies of RabbitMQ let messages of Duly's queues vanish: take them out, or keep them off these queues",
      );
      // Only a time to live begins with what is sent under it.
      const all = harms.some(({ setting }) => setting !== "message-ttl");
      await db.transaction().execute((trx) => noteHarm(trx, { policies, queues: named, all }));
      this.#said = policies;
    }
    const isWhole = queues.length > 0 && queues.every(({ definition }) => definition !== undefined);
    if (harms.length > 0 || !isWhole) return isWhole;
    const made = await db.transaction().execute((trx) => makeGood(trx));
    if (made !== undefined)
      log.warn(made, "the policies by which messages vanished are gone; what they may have taken goes again");
    this.#said = "";
    return true;
  }
}

function inWords({ policy, setting, value }: Harm): string {
  return `"${policy}": ${setting} ${String(value)}`;
}

function inShort(queues: readonly string[]): string {
  const names = [...new Set(queues)];
  const more = names.length > NAMED_QUEUES ? ` and ${names.length - NAMED_QUEUES} more` : "";
  return `${names.slice(0, NAMED_QUEUES).join(", ")}${more}`;
}
