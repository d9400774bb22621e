import { z } from "zod";
import type { DemoRun } from "../demo-run.ts";
import { getJson } from "./get-json.ts";

const MOST = "10000";

const Charges = z.object({
  charges: z.array(
    z.object({
      paid: z.boolean(),
      amount: z.number(),
      currency: z.string(),
      metadata: z.object({ reference: z.string().optional() }),
    }),
  ),
});

/** A charge as the card processor made it, or declined it. */
export interface CardCharge {
  readonly reference: string;
  readonly paid: boolean;
  /** Minor units. */
  readonly amount: number;
  readonly currency: string;
}

/** Reads what the run's payments were charged, every try of it. */
export async function cardCharges({ stack, label }: DemoRun): Promise<CardCharge[]> {
  const url = new URL("/charges", stack.cardsUrl);
  url.search = new URLSearchParams({ limit: MOST }).toString();
  const { charges } = await getJson(url, Charges);
  return charges
    .map(({ metadata: { reference = "" }, ...charge }) => ({ ...charge, reference }))
    .filter(({ reference }) => reference.startsWith(`${label}-`));
}
