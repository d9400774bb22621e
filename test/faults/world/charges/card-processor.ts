import { z } from "zod";
import { startNodeProgram } from "../../../../services/local/processes/node-program.ts";
import type { Taking } from "./judge-charges.ts";

/** The local card processor as a process of its own. */
export interface CardProcessor {
  readonly url: string;
  /** Orders faults; each strikes for as long as its count lasts. */
  readonly order: (faults: readonly CardFault[]) => Promise<void>;
  /** Takes back all that was ordered. */
  readonly clear: () => Promise<void>;
  /** How often the faults of each name struck until they were cleared. */
  readonly struck: () => Readonly<Record<string, number>>;
  /** Every try to charge, by its own records. */
  readonly takings: () => Promise<Taking[]>;
  readonly stop: () => Promise<void>;
}

/** A fault as the processor takes it, and what the laboratory calls it. */
export interface CardFault {
  readonly name: string;
  readonly fault: Readonly<Record<string, unknown>> & { readonly kind: string; readonly count: number };
}

const Ready = z.object({ msg: z.literal("ready"), port: z.number() });
const Left = z.object({ faults: z.array(z.looseObject({ count: z.number() })) });
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
  const child = await startNodeProgram({
    name: "cards",
    file: "services/local/outside/cards/main.ts",
    environment: { PORT: "0", CARDS_KEY: key, DATA_FILE: file },
    stackDir,
  });
  const lines = child.log().split("\n");
  const { port } = Ready.parse(JSON.parse(lines.find((line) => line.includes('"msg":"ready"')) ?? "{}"));
  const url = `http://127.0.0.1:${port}`;
  const ask = async (method: string, path: string, body?: object): Promise<unknown> => {
    const answer = await fetch(`${url}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${await answer.text()}`);
    return answer.json();
  };
  const struck = new Map<string, number>();
  /** What is ordered at present, by what it is apart from its count. */
  const ordered = new Map<string, { name: string; count: number }>();
  const look = async () => {
    const left = new Map<string, number>();
    for (const { count, ...what } of Left.parse(await ask("GET", "/faults")).faults) {
      const key = JSON.stringify(what);
      left.set(key, (left.get(key) ?? 0) + count);
    }
    for (const [key, { name, count }] of ordered) {
      const rest = left.get(key) ?? 0;
      struck.set(name, (struck.get(name) ?? 0) + count - rest);
      ordered.set(key, { name, count: rest });
    }
  };
  return {
    url,
    order: async (faults) => {
      for (const { name, fault } of faults) {
        const { count, ...what } = Left.parse(await ask("POST", "/faults", fault)).faults.at(-1) ?? fault;
        const key = JSON.stringify(what);
        ordered.set(key, { name, count: (ordered.get(key)?.count ?? 0) + count });
      }
    },
    clear: async () => {
      await look();
      await ask("DELETE", "/faults");
      ordered.clear();
    },
    struck: () => Object.fromEntries(struck),
    takings: async () => {
      const found: Taking[] = [];
      for (let total = 1; found.length < total; ) {
        const page = Charges.parse(await ask("GET", `/charges?limit=${PAGE}&offset=${found.length}`));
        total = page.total;
        for (const { id, paid, amount, currency, metadata } of page.charges) {
          const common = { reference: metadata.reference, took: paid, amount: BigInt(amount) };
          found.push({ ...common, currency: currency.toUpperCase(), what: id });
        }
      }
      return found;
    },
    stop: () => child.stop("SIGTERM", 10_000),
  };
}
