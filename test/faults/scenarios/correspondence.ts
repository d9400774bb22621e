import { setTimeout as sleep } from "node:timers/promises";
import type { CrashPoint } from "#shared/config/crash-point.ts";
import type { OwnVerdict, Round, Scenario } from "../scenario.ts";
import {
  type CorrespondenceBranch,
  type CorrespondenceService,
  LINKS,
  openCorrespondenceBranch,
  SERVICES,
} from "../world/correspondence/correspondence-branch.ts";
import { countOpenJobs, countUnheard } from "../world/correspondence/count-open.ts";
import { judgePosts } from "../world/correspondence/judge-posts.ts";
import { judgeReports } from "../world/correspondence/judge-reports.ts";
import { makePosts, type PostPlan } from "../world/correspondence/posts.ts";
import { beginStandingTrouble } from "../world/correspondence/standing-trouble.ts";
import { makeReports, makeTransactions } from "../world/correspondence/transactions.ts";
import { comesDown } from "../world/wait.ts";
import { carryOut, planKills, wanted } from "./kill-plan.ts";

const ROUNDS = 6;

/** What is asked for while one kind of trouble lasts. */
interface Part extends PostPlan {
  readonly reports: number;
}
const KILLED: Part = { codes: 600, messages: 600, reports: 120, seconds: 60, often: 1, unplanned: 0 };
const QUICK: Part = { codes: 40, messages: 40, reports: 8, seconds: 12, often: 2, unplanned: 0 };
/** Nothing is planned against single ones, for what a dead network costs cannot be told beforehand. */
const CUT_OFF: Part = { codes: 250, messages: 250, reports: 5, seconds: 75, often: 0, unplanned: 2 };
const FROZEN: Part = { codes: 200, messages: 200, reports: 60, seconds: 60, often: 0, unplanned: 1 };
const TRANSACTIONS = { full: 2_000, quick: 100 };

interface KillPlan {
  readonly points: readonly { readonly at: CrashPoint; readonly mostPasses: number }[];
  readonly each: number;
  readonly atRandom: number;
}
const points = (mostPasses: number, ...names: CrashPoint[]) => names.map((at) => ({ at, mostPasses }));
const kills = (mostPasses: number, each: number, ...more: KillPlan["points"]): KillPlan => ({
  points: [
    ...more,
    ...points(mostPasses, "consumer.claimed", "consumer.performing", "consumer.performed"),
    ...points(mostPasses, "consumer.settling", "consumer.settled", "consumer.acked"),
  ],
  each,
  atRandom: 2 * each,
});
const KILLS: Readonly<Record<CorrespondenceService, KillPlan>> = {
  notifications: kills(10, 2),
  messages: kills(10, 2),
  // The others cannot ask.
  reports: kills(2, 1, ...points(1, "consumer.asked")),
};
const few = (...names: CrashPoint[]): KillPlan => ({ points: points(1, ...names), each: 1, atRandom: 0 });
const QUICK_KILLS: typeof KILLS = {
  notifications: few("consumer.performing", "consumer.performed", "consumer.settling", "consumer.acked"),
  messages: few("consumer.performing", "consumer.performed", "consumer.settling", "consumer.acked"),
  reports: few("consumer.asked", "consumer.performed"),
};

/** For so long nobody is there; for so long nothing comes through. */
const AWAY_S = 5;
const HOLES_S = [5, 30];
const BETWEEN_CUTS_MS = 8_000;
/** Longer than a heartbeat may be away (30 s), with the sweep that follows (10 s). */
const ASLEEP_MS = 45_000;
const FALLS_ASLEEP_MS = 40_000;
/** How long no job may come nearer to its end: as for any other. */
const PATIENCE_MS = 150_000;

/** Codes are mailed, messages sent and reports written while mailbox and chat API fail, and whoever does it is killed. */
export const correspondence: Scenario = {
  name: "correspondence",
  what:
    `${ROUNDS * (KILLED.codes + CUT_OFF.codes + FROZEN.codes)} codes by mail, as many messages and some reports, at a ` +
    "mailbox and a chat API that fail, their services killed, cut off and stopped",
  rounds: ROUNDS,
  wants: Object.fromEntries(wants()),
  load: { perSecond: 10 },
  inject: async (round) => {
    const { world, quick, random, number } = round;
    const transactions = makeTransactions(number, quick ? TRANSACTIONS.quick : TRANSACTIONS.full, random);
    const workOf = (part: Part, place: number) => ({
      posts: makePosts(10 * number + place, part, random),
      reports: makeReports(number, transactions, part, random),
    });
    const branch = await openCorrespondenceBranch(round);
    await branch.record(transactions);
    const work = workOf(quick ? QUICK : KILLED, 0);
    await branch.plan(work);
    const trouble = await beginStandingTrouble(branch, quick);
    await Promise.all([branch.give(work), ...SERVICES.map((service) => killService(round, branch, service))]);
    if (!quick) {
      await comesDown(0, () => countOpenJobs(world), PATIENCE_MS);
      await Promise.all([branch.give(workOf(CUT_OFF, 1)), cutOff(round, branch)]);
      await comesDown(0, () => countOpenJobs(world), PATIENCE_MS);
      await Promise.all([branch.give(workOf(FROZEN, 2)), freezeOne(round, branch)]);
    }
    await trouble.end();
    round.judges(() => endAndJudge(round, branch));
  },
};

function named(service: CorrespondenceService, fault: string): string {
  return `${service}: ${fault}`;
}

function wants(): [string, number][] {
  const cuts = Object.values(LINKS).flatMap((link) => [
    `${link} refused`,
    ...HOLES_S.map((seconds) => `${link} ${seconds} s`),
  ]);
  return [
    ...SERVICES.flatMap((service) => wantedOf(service)),
    ...cuts.map((cut): [string, number] => [cut, ROUNDS]),
    ...SERVICES.map((service): [string, number] => [named(service, "frozen"), ROUNDS / SERVICES.length]),
  ];
}

function wantedOf(service: CorrespondenceService): [string, number][] {
  const plan = KILLS[service];
  const faults = Object.entries(wanted(plan.points, plan, ROUNDS));
  return faults.map(([fault, times]) => [named(service, fault), times]);
}

async function killService(
  round: Round,
  branch: CorrespondenceBranch,
  service: CorrespondenceService,
): Promise<void> {
  const plan = (round.quick ? QUICK_KILLS : KILLS)[service];
  // Whoever is to die over a question needs somebody who dies before with a report in hand.
  const isAsked = ({ at }: { readonly at: string }) => Number(at === "consumer.asked");
  const inTurn = planKills(plan.points, plan, round.random).toSorted((a, b) => isAsked(b) - isAsked(a));
  const did = (fault: string) => round.did(named(service, fault));
  await carryOut({ ...round, did }, inTurn, branch.processes[service]);
}

async function cutOff(round: Round, { links }: CorrespondenceBranch): Promise<void> {
  await sleep(BETWEEN_CUTS_MS);
  await Promise.all(links.map((link) => link.shut()));
  await sleep(AWAY_S * 1000);
  await Promise.all(links.map((link) => link.open()));
  for (const link of links) round.did(`${link.name} refused`);
  for (const seconds of HOLES_S) {
    await sleep(BETWEEN_CUTS_MS);
    for (const link of links) link.swallow();
    await sleep(seconds * 1000);
    for (const link of links) {
      link.heal();
      round.did(`${link.name} ${seconds} s`);
    }
  }
}

/** Each service in its turn, round by round. */
async function freezeOne(round: Round, { processes }: CorrespondenceBranch): Promise<void> {
  const service = SERVICES[round.number % SERVICES.length] ?? "reports";
  const [victim] = processes[service];
  if (victim === undefined) return;
  await victim.kill(`consumer.performing:${round.random.between(1, 3)}:SIGSTOP`);
  if (!(await victim.stopsAtCrashPoint(FALLS_ASLEEP_MS))) {
    round.tell(`${victim.name} did not come to consumer.performing in ${FALLS_ASLEEP_MS / 1000} s`);
    return;
  }
  await sleep(ASLEEP_MS);
  victim.thaw();
  round.did(named(service, "frozen"));
}

async function endAndJudge({ world, did }: Round, branch: CorrespondenceBranch): Promise<OwnVerdict> {
  const left = async () => (await countOpenJobs(world)) + (await countUnheard(world));
  await comesDown(0, left, PATIENCE_MS);
  const parts = await branch.removeParts();
  for (let counted = 0; counted < parts; counted += 1) did("reports: left half-written");
  for (const [fault, times] of Object.entries(await branch.endFaults()))
    for (let counted = 0; counted < times; counted += 1) did(fault);
  const evidence = await branch.evidence();
  await branch.stop();
  const verdicts = [judgePosts(evidence.posts), judgeReports(evidence.reports)];
  return {
    committed: verdicts.reduce((sum, { committed }) => sum + committed, 0),
    declaredDuplicates: verdicts.reduce((sum, each) => sum + (each.declaredDuplicates ?? 0), 0),
    lost: verdicts.flatMap(({ lost }) => lost),
    duplicates: verdicts.flatMap(({ duplicates }) => duplicates),
    wrongEnds: verdicts.flatMap(({ wrongEnds }) => wrongEnds),
  };
}
