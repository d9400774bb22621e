import { z } from "zod";

/** What the card processor reads from its environment; port 0 takes a free one. */
export const CardsConfig = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535),
  CARDS_KEY: z.string().min(1),
  DATA_FILE: z.string().min(1),
  SEARCH_LAG_MS: z.coerce.number().int().min(0).default(1_000),
});
