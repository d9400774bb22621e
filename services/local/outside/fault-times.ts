import { z } from "zod";

/** How often a fault strikes, as whoever orders it says: so many times, one in so many that it could. */
export const often = {
  count: z.int().min(1).max(1_000_000).default(1),
  every: z.int().min(1).max(1_000_000).default(1),
};

/** For how long it keeps whoever waits, in ms. */
export const delayMs = z.int().min(0).max(600_000);
