import type { CrashPoint } from "#shared/config/crash-point.ts";
import type { OwnVerdict, Round, Scenario } from "../scenario.ts";
import { judgeCharges } from "../world/charges/judge-charges.ts";
import { makeOrders, type Order } from "../world/charges/orders.ts";
import { openPaymentsBranch, type PaymentsBranch } from "../world/charges/payments-branch.ts";
import { countOpenPayments, letDaysPass } from "../world/charges/read-fates.ts";
import { beginTrouble } from "../world/charges/trouble.ts";
import { comesDown } from "../world/wait.ts";
import { carryOut, planKills, wanted } from "./kill-plan.ts";

const ROUNDS = 10;
const FULL = { cards: 9_500, transfers: 500, seconds: 90 };
/** Spread over the time that the other scenarios of its stage take. */
const QUICK = { cards: 60, transfers: 10, seconds: 20 };
const KILLS = { each: 2, atRandom: 6 };
const QUICK_KILLS = { each: 1, atRandom: 1 };

const points = (mostPasses: number, ...names: CrashPoint[]) => names.map((at) => ({ at, mostPasses }));
const POINTS = [
  ...points(40, "consumer.claimed", "consumer.performing", "consumer.performed", "consumer.settling"),
  ...points(20, "consumer.settled", "consumer.acked"),
  ...points(5, "consumer.asked"),
];

/** How long no payment may come nearer to its end: as for any other job. */
const PATIENCE_MS = 150_000;
const QUICK_PATIENCE_MS = 20_000;

/** Cards are charged and tokens moved while all who are asked for it fail, and whoever asks is killed. */
export const charges: Scenario = {
  name: "charges",
  what: `${ROUNDS * FULL.cards} payments by card and ${ROUNDS * FULL.transfers} on chain, at a processor and a node that fail, payments killed`,
  rounds: ROUNDS,
  wants: wanted(POINTS, KILLS, ROUNDS),
  load: { perSecond: 10 },
  inject: async (round) => {
    const { world, name, quick, random } = round;
    const orders = makeOrders(name, quick ? QUICK : FULL, random);
    const most = quick ? POINTS.map((point) => ({ ...point, mostPasses: 1 })) : POINTS;
    const kills = planKills(most, quick ? QUICK_KILLS : KILLS, random);
    const branch = await openPaymentsBranch(round);
    await branch.importOrders(orders);
    const beganAt = Date.now();
    const trouble = await beginTrouble(branch, quick);
    await carryOut(round, kills, branch.processes);
    // The rest waits for backoffs, or for days to pass.
    const rest = orders.length / (quick ? 5 : 50);
    await comesDown(rest, () => countOpenPayments(world.db, name), quick ? QUICK_PATIENCE_MS : PATIENCE_MS);
    for (const [fault, times] of Object.entries(await trouble.end()))
      for (let counted = 0; counted < times; counted += 1) round.did(fault);
    round.judges(() => endAndJudge(round, branch, orders, beganAt));
  },
};

async function endAndJudge(
  { world, name, measured, did }: Round,
  branch: PaymentsBranch,
  orders: readonly Order[],
  beganAt: number,
): Promise<OwnVerdict> {
  const left = async () => {
    const awake = await letDaysPass(world.db, name);
    for (let counted = 0; counted < awake; counted += 1) did("days passed for a declined card");
    return countOpenPayments(world.db, name);
  };
  await comesDown(0, left, PATIENCE_MS);
  const value = orders.length / ((Date.now() - beganAt) / 1000);
  measured({ name: "payments per second, under faults, to the last one", value, unit: "/s" });
  const evidence = await branch.evidence(orders);
  await branch.stop();
  return judgeCharges(evidence);
}
