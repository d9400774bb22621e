import { listen } from "#shared/database/listen.ts";
import { forgetDeadSleepers } from "#shared/outbox/fall-asleep.ts";
import type { ServiceContext } from "#shared/runtime/run-service.ts";
import { Bell } from "#shared/time/bell.ts";
import type { SchedulerConfig } from "./config.ts";
import { dueLoop } from "./due-loop.ts";
import { keepHouse } from "./keep-house.ts";
import { promoteLoop } from "./promote-loop.ts";
import { tellAgain } from "./tell-again.ts";

/**
 * Turns due jobs into outbox rows on time, lets the lines of ordering keys move on, and keeps the house: expiry, orphans,
 * partitions, history.
 *
 * Any number may run; rows are locked while one of them is at work on them.
 */
export async function scheduler(service: ServiceContext<SchedulerConfig>): Promise<void> {
  const { config, db, log, stop } = service;
  await forgetDeadSleepers(db);
  const bell = new Bell();
  const promoterBell = new Bell();
  const listening = listen({
    url: config.DATABASE_URL,
    name: "duly scheduler listen",
    channels: ["duly_scheduler", "duly_promoter"],
    log,
    signal: stop,
    onNotify: (channel) => {
      if (channel !== "duly_promoter") bell.ring();
      if (channel !== "duly_scheduler") promoterBell.ring();
    },
  });
  service.running(
    Promise.all([
      listening,
      dueLoop({ db, bell, window: config.SCHEDULER_WINDOW, aheadMs: config.SCHEDULER_AHEAD_MS, log, stop }),
      promoteLoop({ db, bell: promoterBell, log, stop }),
      keepHouse(service),
      tellAgain(service),
    ]),
  );
  service.ready();
}
