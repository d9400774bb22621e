import { z } from "zod";

/** A fault as a process of the outside world takes it, and what the laboratory calls it. */
export interface NamedFault {
  readonly name: string;
  readonly fault: Readonly<Record<string, unknown>> & { readonly kind: string; readonly count: number };
}

/** The faults that were ordered from one process of the outside world. */
export interface OrderedFaults {
  /** Orders faults; each strikes for as long as its count lasts. */
  readonly order: (faults: readonly NamedFault[]) => Promise<void>;
  /** Takes back all that was ordered, or all of one kind. */
  readonly clear: (kind?: string) => Promise<void>;
  /** How often the faults of each name had struck when some were last cleared. */
  readonly struck: () => Readonly<Record<string, number>>;
}

interface Ordered {
  readonly name: string;
  readonly kind: string;
  readonly count: number;
}

const Left = z.object({ faults: z.array(z.looseObject({ kind: z.string(), count: z.number() })) });

/** Keeps count of what is ordered from the process at `url`, by the counts that it has left. */
export function orderFaults(url: string): OrderedFaults {
  const struck = new Map<string, number>();
  /** What is ordered at present, by what it is apart from its count. */
  const ordered = new Map<string, Ordered>();

  const ask = async (method: string, path: string, body?: object) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${await answer.text()}`);
    return Left.parse(await answer.json()).faults;
  };
  const look = async () => {
    const left = new Map<string, number>();
    for (const { count, ...what } of await ask("GET", "/faults")) {
      const key = JSON.stringify(what);
      left.set(key, (left.get(key) ?? 0) + count);
    }
    for (const [key, { name, kind, count }] of ordered) {
      const rest = left.get(key) ?? 0;
      struck.set(name, (struck.get(name) ?? 0) + count - rest);
      ordered.set(key, { name, kind, count: rest });
    }
  };
  return {
    order: async (faults) => {
      for (const { name, fault } of faults) {
        // As the process reads it, with its defaults.
        const { count, ...what } = (await ask("POST", "/faults", fault)).at(-1) ?? fault;
        const key = JSON.stringify(what);
        ordered.set(key, { name, kind: what.kind, count: (ordered.get(key)?.count ?? 0) + count });
      }
    },
    clear: async (kind) => {
      await look();
      await ask("DELETE", kind === undefined ? "/faults" : `/faults?kind=${encodeURIComponent(kind)}`);
      for (const [key, each] of ordered) if (kind === undefined || each.kind === kind) ordered.delete(key);
    },
    struck: () => Object.fromEntries(struck),
  };
}
