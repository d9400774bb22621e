import { sql } from "kysely";
import { expect, test } from "vitest";
import { CRASH_POINTS, type CrashPoint } from "#shared/config/crash-point.ts";
import { chargesFor, expectPaidOnce, orderFault } from "./evidence.ts";
import { cardLine, type Line, paymentLines, writeLines } from "./payment-lines.ts";
import { beginStory, notAtFirst } from "./story.ts";
import { usePayments } from "./use-payments.ts";

// Payments are killed between two of their outside steps, and started again.
const { world, startPayments } = usePayments();

/** Where processes die, one after the other. */
const transfers: readonly (readonly CrashPoint[])[] = [
  ["payments.signed"],
  ["payments.offered"],
  ["payments.signed", "payments.offered-again"],
  ["payments.mined"],
];
test.each(transfers.map((deaths) => [deaths.join(", then "), deaths] as const))(
  "at %s: the transfer is made once",
  async (_, deaths) => {
    const lines = paymentLines(1);
    const jobs = await dieAndGoOn(lines, deaths, "payment.execute");
    expect(notAtFirst(jobs)).toEqual([]);
    await expectPaidOnce(world.db, world, lines);
  },
);

interface Charge {
  readonly death: CrashPoint;
  /** What is wrong at the processor. */
  readonly fault?: Readonly<Record<string, unknown>>;
  /** How the payment ends, unless it is made. */
  readonly end?: "failed";
}
const charges: readonly Charge[] = [
  { death: "payments.intent-opened" },
  { death: "payments.intent-stored" },
  { death: "payments.intent-adopted", fault: { kind: "429", on: ["confirm"], retryAfterS: 0 } },
  { death: "payments.confirmed" },
  { death: "payments.intent-cancelled", fault: { kind: "reset", on: ["confirm"] } },
  { death: "payments.declined", fault: { kind: "decline", code: "lost_card" }, end: "failed" },
];
test.each(charges)("at $death: the card is charged once, if at all", async ({ death, fault, end }) => {
  if (fault !== undefined) await orderFault(world.cardsUrl, fault);
  const line = cardLine();
  await dieAndGoOn([line], [death], "payment.charge");
  const { rows } = await sql<{ state: string }>`
    select state from payments.payments where reference = ${line.reference}
  `.execute(world.db);
  const found = { ...rows[0], ...(await chargesFor(world.db, world.cardsUrl, line)) };
  const made = { state: "completed", tries: 1, paid: 1, booked: 1 };
  expect(found).toEqual(end === undefined ? made : { state: end, tries: 1, paid: 0, booked: 0 });
});

test("at each of their own crash points", () => {
  const own = CRASH_POINTS.filter((point) => point.startsWith("payments."));
  expect(new Set([...transfers.flat(), ...charges.map(({ death }) => death)])).toEqual(new Set(own));
});

/** Has processes die at crash points, one after the other, and the last one come to the end. */
async function dieAndGoOn(lines: readonly Line[], deaths: readonly CrashPoint[], type: string) {
  const story = beginStory(world.db);
  const [first, ...later] = deaths;
  let payments = await startPayments({ DULY_CRASH_AT: first ?? "" });
  await world.importFile(writeLines(world.folder, lines), story.correlationId);
  expect(await payments.ended).toEqual({ code: null, signal: "SIGKILL" });
  for (const death of later) {
    payments = await startPayments({ DULY_CRASH_AT: death });
    expect(await payments.ended).toEqual({ code: null, signal: "SIGKILL" });
  }
  await startPayments();
  return story.ends({ [type]: lines.length });
}
