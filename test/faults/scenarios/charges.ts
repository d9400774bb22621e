import type { CrashPoint } from "#shared/config/crash-point.ts";
import type { OwnVerdict, Round, Scenario } from "../scenario.ts";
import { judgeCharges } from "../world/charges/judge-charges.ts";
import { makeOrders, type Order } from "../world/charges/orders.ts";
import { openPaymentsBranch, type PaymentsBranch } from "../world/charges/payments-branch.ts";
import { countOpenPayments, letDaysPass } from "../world/charges/read-fates.ts";
import { beginTrouble } from "../world/charges/trouble.ts";
import { comesDown } from "../world/wait.ts";
import { freezeInTurn } from "./freeze-in-turn.ts";
import { carryOut, type Kill, planKills, wanted } from "./kill-plan.ts";
import { swallow } from "./swallow.ts";

/** Of a length the same in both: two holes of it on each link. */
const HOLES_S = [5, 30, 120, 5, 30, 120];
const LINKS = ["PostgreSQL", "RabbitMQ", "the card processor", "the chain"];
const FREEZES = 4;
const ROUNDS = HOLES_S.length + FREEZES;
const QUICK_HOLE_S = 5;
const FULL = { cards: 9_500, transfers: 500, seconds: 420 };
/** Spread over the time that the other scenarios of its stage take. */
const QUICK = { cards: 110, transfers: 55, seconds: 50 };
/** Steps after which somebody else will have asked, or done the rest, when the sleeper wakes up. */
const FROZEN_AT = ["consumer.claimed", "consumer.performing", "consumer.performed"] as const;
const KILLS = { each: 2, atRandom: 6 };
const STEP_KILLS = { each: 5, atRandom: 0 };
const QUICK_KILLS = { each: 0, atRandom: 2 };
const QUICK_STEP_KILLS = { each: 1, atRandom: 0 };

const points = (mostPasses: number, ...names: CrashPoint[]) => names.map((at) => ({ at, mostPasses }));
const POINTS = [
  ...points(40, "consumer.claimed", "consumer.performing", "consumer.performed", "consumer.settling"),
  ...points(20, "consumer.settled", "consumer.acked"),
  ...points(5, "consumer.asked"),
];
/** Between the outside steps of one charge and of one transfer. */
const STEPS = [
  ...points(20, "payments.intent-opened", "payments.intent-stored", "payments.confirmed"),
  ...points(3, "payments.signed", "payments.offered", "payments.mined"),
  ...points(2, "payments.intent-adopted", "payments.intent-cancelled"),
  ...points(1, "payments.declined", "payments.offered-again"),
];

/** How long no payment may come nearer to its end: as for any other job. */
const PATIENCE_MS = 150_000;
const QUICK_PATIENCE_MS = 20_000;

/** Cards are charged and tokens moved while all who are asked for it fail, and whoever asks is killed. */
export const charges: Scenario = {
  name: "charges",
  what: `${ROUNDS * FULL.cards} payments by card and ${ROUNDS * FULL.transfers} on chain, at a processor and a node that fail; payments killed, frozen and behind links that swallow everything`,
  rounds: ROUNDS,
  wants: {
    ...wanted(POINTS, KILLS, ROUNDS),
    ...wanted(STEPS, STEP_KILLS, ROUNDS),
    ...Object.fromEntries(HOLES_S.flatMap((s) => LINKS.map((link) => [`payments to ${link} ${s} s`, 2]))),
    ...Object.fromEntries(FROZEN_AT.map((at) => [`${at} frozen`, FREEZES])),
  },
  load: { perSecond: 10 },
  inject: async (round) => {
    const { world, name, quick, random } = round;
    const orders = makeOrders(name, quick ? QUICK : FULL, random);
    const steps = quick ? STEPS.map(({ at }) => ({ at, mostPasses: 1 })) : STEPS;
    // In the quick run consumers die at the steps of every job elsewhere.
    const kills = quick ? planKills([], QUICK_KILLS, random) : planKills(POINTS, KILLS, random);
    const stepKills = planKills(steps, quick ? QUICK_STEP_KILLS : STEP_KILLS, random);
    const branch = await openPaymentsBranch(round);
    await branch.importOrders(orders);
    const beganAt = Date.now();
    const trouble = await beginTrouble(branch, quick);
    await killAndSilence(round, branch, quick ? [...kills, ...stepKills] : kills);
    if (!quick) await killStepByStep(round, branch, stepKills);
    // The rest waits for backoffs, or for days to pass.
    const rest = orders.length / (quick ? 5 : 50);
    await comesDown(rest, () => countOpenPayments(world.db, name), quick ? QUICK_PATIENCE_MS : PATIENCE_MS);
    for (const [fault, times] of Object.entries(await trouble.end()))
      for (let counted = 0; counted < times; counted += 1) round.did(fault);
    round.judges(() => endAndJudge(round, branch, orders, beganAt));
  },
};

async function killAndSilence(round: Round, branch: PaymentsBranch, kills: readonly Kill[]): Promise<void> {
  const holeS = round.quick ? QUICK_HOLE_S : HOLES_S[round.number % ROUNDS];
  if (holeS === undefined) {
    const [sleeper, ...others] = branch.processes;
    await Promise.all([freezeInTurn(round, sleeper, FROZEN_AT), carryOut(round, kills, others)]);
    return;
  }
  const swallowInTurn = async () => {
    for (const link of round.quick ? branch.links.slice(-2) : branch.links) await swallow(round, link, holeS);
  };
  await Promise.all([swallowInTurn(), carryOut(round, kills, branch.processes)]);
}

// One of them lives all the time: what three deaths in a row have hit runs alone, a block each, and where all die every
// few seconds nothing else is done any more.
async function killStepByStep(
  round: Round,
  { processes }: PaymentsBranch,
  kills: readonly Kill[],
): Promise<void> {
  for (const [turn, victim] of processes.entries()) {
    const part = kills.filter((_, place) => place % processes.length === turn);
    await carryOut(round, part, [victim]);
  }
}

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
