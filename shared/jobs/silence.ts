import { sql } from "kysely";

/** Milliseconds between the heartbeats of a consumer process. */
export const HEARTBEAT_MS = 5_000;

/** Silence after which such a process counts as gone: six heartbeats. */
export const SILENT = sql`${6 * HEARTBEAT_MS} * interval '1 ms'`;
