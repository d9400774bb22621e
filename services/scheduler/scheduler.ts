import { listen } from "#shared/database/listen.ts";
import { untilDatabaseAnswers } from "#shared/database/until-database-answers.ts";
import { forgetDeadSleepers } from "#shared/outbox/fall-asleep.ts";
import type { ServiceContext } from "#shared/runtime/run-service.ts";
import { Bell } from "#shared/time/bell.ts";
import type { SchedulerConfig } from "./config.ts";
import { dueLoop } from "./due-loop.ts";
import { keepHouse } from "./keep-house.ts";
import { promoteLoop } from "./promote-loop.ts";
import { releaseLoop } from "./release-loop.ts";
import { tellAgain } from "./tell-again.ts";

/**
 * Turns due jobs into outbox rows on time, releases what is held, lets the lines of ordering keys move on, and keeps the
 * house: expiry, orphans, partitions, history.
 *
 * Any number may run; rows are locked while one of them is at work on them.
 */
export async function scheduler(service: ServiceContext<SchedulerConfig>): Promise<void> {
  const { config, db, log, stop } = service;
  await untilDatabaseAnswers(() => forgetDeadSleepers(db), stop, log);
  const bell = new Bell();
  const bells = { duly_scheduler: bell, duly_promoter: new Bell(), duly_gates: new Bell() };
  const listening = listen({
    url: config.DATABASE_URL,
    name: "duly scheduler listen",
    channels: Object.keys(bells),
    log,
    signal: stop,
    onNotify: (channel) => {
      for (const [name, each] of Object.entries(bells))
        if (channel === undefined || channel === name) each.ring();
    },
  });
  service.running(
    Promise.all([
      listening,
      dueLoop({ db, bell, window: config.SCHEDULER_WINDOW, aheadMs: config.SCHEDULER_AHEAD_MS, log, stop }),
      promoteLoop({ db, bell: bells.duly_promoter, log, stop }),
      releaseLoop({ db, bell: bells.duly_gates, log, stop }),
      keepHouse(service),
      tellAgain(service),
    ]),
  );
  service.ready();
}
