import type { OwnVerdict, Round, Scenario } from "../scenario.ts";
import {
  type CorrespondenceBranch,
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
import { killService, wantedKills } from "./correspondence-kills.ts";
import { CUTS, cutOff } from "./cut-off.ts";
import { freezeInTurn } from "./freeze-in-turn.ts";

const ROUNDS = 6;

/** What is asked for while one kind of trouble lasts. */
interface Part extends PostPlan {
  readonly reports: number;
}
const KILLED: Part = { codes: 600, messages: 600, reports: 120, seconds: 60, often: 1, unplanned: 0 };
const QUICK: Part = { codes: 50, messages: 50, reports: 20, seconds: 16, often: 2, unplanned: 0 };
/** Nothing is planned against single ones, for what a dead network costs cannot be told beforehand. */
const CUT_OFF: Part = { codes: 250, messages: 250, reports: 5, seconds: 75, often: 0, unplanned: 2 };
const FROZEN: Part = { codes: 200, messages: 200, reports: 60, seconds: 60, often: 0, unplanned: 1 };
/** Of the step at which one of them is stopped: reports come to it seldom. */
const MOST_PASSES = 3;
const TRANSACTIONS = { full: 2_000, quick: 100 };

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

function wants(): [string, number][] {
  return [
    ...wantedKills(ROUNDS),
    ...CUTS.map((cut): [string, number] => [cut, ROUNDS]),
    ...SERVICES.map((service): [string, number] => [`${service}: frozen`, ROUNDS / SERVICES.length]),
  ];
}

/** Each service in its turn, round by round. */
async function freezeOne(round: Round, { processes }: CorrespondenceBranch): Promise<void> {
  const service = SERVICES[round.number % SERVICES.length] ?? "reports";
  const did = () => round.did(`${service}: frozen`);
  await freezeInTurn({ ...round, did }, processes[service][0], ["consumer.performing"], MOST_PASSES);
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
