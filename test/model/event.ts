/** What PostgreSQL holds of one event and of the one service that is subscribed to it. */
export interface EventRows {
  /**
   * Its rows in the outbox: how many are free, how many a relay has published and not yet deleted, and how many wait
   * until later.
   */
  readonly free: number;
  readonly published: number;
  readonly later: number;
  /** Whether the events of its time are still to be told again. */
  readonly resend: boolean;
  /** Jobs that were made of it. */
  readonly jobs: number;
}

/** The relay that finds a broker without its marker: the events of the last days are to be told again. */
export function beginIncarnation(rows: EventRows): EventRows {
  return { ...rows, resend: true };
}

/** The scheduler, that tells again what is to be. */
export function tellAgain(rows: EventRows): EventRows {
  return rows.resend ? { ...rows, free: rows.free + 1, resend: false } : rows;
}

/** The recorder, on an event that expired in the subscriber's queue: one row that waits is enough, whoever asked for it. */
export function tellLater(rows: EventRows): EventRows {
  return rows.later > 0 ? rows : { ...rows, later: 1 };
}

/** The subscriber, on a delivery: its job's id is derived from the event's, so there is never a second one. */
export function react(rows: EventRows): EventRows {
  return { ...rows, jobs: 1 };
}
