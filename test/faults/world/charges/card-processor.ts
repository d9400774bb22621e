import { z } from "zod";
import { type OrderedFaults, orderFaults } from "../ordered-faults.ts";
import { startOutsideProgram } from "../outside-program.ts";
import type { Taking } from "./judge-charges.ts";

/** The local card processor as a process of its own. */
export interface CardProcessor {
  readonly url: string;
  readonly faults: OrderedFaults;
  /** Every try to charge, by its own records. */
  readonly takings: () => Promise<Taking[]>;
  readonly stop: () => Promise<void>;
}

const Ready = z.object({ port: z.number() });
const Charges = z.object({
  total: z.number(),
  charges: z.array(
    z.object({
      id: z.string(),
      paid: z.boolean(),
      amount: z.number(),
      currency: z.string(),
      metadata: z.object({ reference: z.string().optional() }),
    }),
  ),
});
const PAGE = 10_000;

/** Starts it with its journal in `folder`; `stackDir` marks the process. */
export async function startCardProcessor(
  file: string,
  { key, stackDir }: { key: string; stackDir: string },
): Promise<CardProcessor> {
  const environment = { PORT: "0", CARDS_KEY: key, DATA_FILE: file };
  const { ready, stop } = await startOutsideProgram("cards", environment, stackDir, Ready);
  const url = `http://127.0.0.1:${ready.port}`;
  return {
    url,
    faults: orderFaults(url),
    takings: async () => {
      const found: Taking[] = [];
      for (let total = 1; found.length < total; ) {
        const answer = await fetch(`${url}/charges?limit=${PAGE}&offset=${found.length}`);
        const page = Charges.parse(await answer.json());
        total = page.total;
        for (const { id, paid, amount, currency, metadata } of page.charges) {
          const common = { reference: metadata.reference, took: paid, amount: BigInt(amount) };
          found.push({ ...common, currency: currency.toUpperCase(), what: id });
        }
      }
      return found;
    },
    stop,
  };
}
