import type { OwnVerdict } from "../../scenario.ts";
import type { Order } from "./orders.ts";

/** What the payments service says of an order. */
export interface PaymentFate {
  readonly reference: string;
  readonly state: string;
  readonly job: string | null;
  readonly attempts: number | null;
  readonly mostAttempts: number | null;
  readonly failureReason: string | null;
  /** Events that tell of its end, of either kind. */
  readonly completions: number;
  readonly failures: number;
  /** Transactions in the ledger, and what they say the processor owes, in minor units. */
  readonly bookings: number;
  readonly booked: bigint;
}

/** A try to take money, as the card processor or the chain tells of it; those that took none were refused. */
export interface Taking {
  /** Undefined when it belongs to no order. */
  readonly reference: string | undefined;
  readonly took: boolean;
  readonly amount: bigint;
  readonly currency: string;
  readonly what: string;
}

/** All that is known at the end of a round. */
export interface ChargesEvidence {
  readonly orders: readonly Order[];
  readonly fates: readonly PaymentFate[];
  readonly takings: readonly Taking[];
  /** The sum of the whole ledger, by currency. */
  readonly ledgerSums: Readonly<Record<string, bigint>>;
  /** Recipients whom the token refuses. */
  readonly refuses: (recipient: string) => boolean;
}

type Breach = readonly ["lost" | "duplicates" | "wrongEnds", string];

/** Compares what was taken outside, and what the payments and the books say of it, with what was ordered. */
export function judgeCharges(evidence: ChargesEvidence): OwnVerdict {
  const { orders, fates, takings, ledgerSums, refuses } = evidence;
  const fateOf = new Map(fates.map((fate) => [fate.reference, fate]));
  const takingsOf = Map.groupBy(takings, ({ reference }) => reference);
  const known = new Set(orders.map(({ reference }) => reference));
  const breaches: readonly Breach[] = [
    ...orders.flatMap((order) => {
      const tries = takingsOf.get(order.reference) ?? [];
      const breach = judgeOrder(order, fateOf.get(order.reference), tries, refuses);
      return breach === undefined
        ? []
        : [[breach[0], `${order.method} ${order.reference}: ${breach[1]}`] as const];
    }),
    ...takings
      .filter(({ reference, took }) => took && (reference === undefined || !known.has(reference)))
      .map(({ what }) => ["wrongEnds", `${what} took money that nobody had ordered`] as const),
    ...Object.entries(ledgerSums)
      .filter(([, sum]) => sum !== 0n)
      .map(([currency, sum]) => ["wrongEnds", `the ledger is off by ${sum} ${currency}`] as const),
  ];
  const of = (kind: Breach[0]) => breaches.filter(([found]) => found === kind).map(([, what]) => what);
  return {
    committed: orders.length,
    lost: of("lost"),
    duplicates: of("duplicates"),
    wrongEnds: of("wrongEnds"),
  };
}

// What is broken first explains the rest.
function judgeOrder(
  order: Order,
  fate: PaymentFate | undefined,
  tries: readonly Taking[],
  refuses: (recipient: string) => boolean,
): Breach | undefined {
  const taken = tries.filter(({ took }) => took);
  if (taken.length > 1)
    return ["duplicates", `taken ${taken.length} times: ${taken.map(({ what }) => what).join(", ")}`];
  if (fate === undefined) return ["lost", "there is no such payment"];
  if (fate.state === "completed") return judgeCompleted(order, fate, taken[0]) ?? judgeBooks(order, fate);
  if (fate.state !== "failed") return ["lost", `it is ${fate.state}, its job ${fate.job}`];
  if (taken.length > 0) return ["wrongEnds", `failed, and its money was taken: ${fate.failureReason}`];
  const isRefused = order.method === "card" ? tries.length > 0 : refuses(order.recipient);
  if (!isRefused) return ["wrongEnds", `failed, and nobody had refused it: ${fate.failureReason}`];
  return judgeTold(fate, { completions: 0, failures: 1, bookings: 0, job: "dead_lettered" });
}

function judgeCompleted(order: Order, fate: PaymentFate, taken: Taking | undefined): Breach | undefined {
  if (taken === undefined) return ["lost", "completed, and nothing was taken"];
  if (taken.amount !== order.amount || taken.currency !== order.currency) {
    const [wanted, got] = [order, taken].map(({ amount, currency }) => `${amount} ${currency}`);
    return ["wrongEnds", `${got} was taken instead of ${wanted}`];
  }
  const bookings = order.method === "card" ? 1 : 0;
  return judgeTold(fate, { completions: 1, failures: 0, bookings, job: "completed" });
}

function judgeBooks({ method, amount }: Order, { booked }: PaymentFate): Breach | undefined {
  if (method !== "card" || booked === amount) return undefined;
  return ["wrongEnds", `the books say ${booked} instead of ${amount}`];
}

function judgeTold(
  fate: PaymentFate,
  wanted: Pick<PaymentFate, "completions" | "failures" | "bookings" | "job">,
): Breach | undefined {
  for (const what of ["completions", "failures", "bookings"] as const) {
    if (fate[what] > wanted[what]) return ["duplicates", `${fate[what]} ${what} instead of ${wanted[what]}`];
    if (fate[what] < wanted[what]) return ["lost", `${fate[what]} ${what} instead of ${wanted[what]}`];
  }
  if (fate.job !== wanted.job) return ["wrongEnds", `${fate.state}, and its job is ${fate.job}`];
  const { attempts, mostAttempts } = fate;
  if ((attempts ?? 0) > (mostAttempts ?? 0)) return ["wrongEnds", `${attempts} attempts of ${mostAttempts}`];
  return undefined;
}
