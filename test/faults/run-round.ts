import { setTimeout as sleep } from "node:timers/promises";
import type { Figure, RoundResult } from "./results.ts";
import type { OwnVerdict, Scenario } from "./scenario.ts";
import { judge } from "./world/judge.ts";
import { startLoad, USUAL } from "./world/load.ts";
import { countOpen, countRest, findOvertaken, findSlipped, readFates } from "./world/notebook.ts";
import { randomOf } from "./world/random.ts";
import { Throughput } from "./world/throughput.ts";
import { comesDown, until } from "./world/wait.ts";
import type { World } from "./world/world.ts";

/** A round whose faults are over, and whose jobs may not be. */
export interface Injected {
  readonly scenario: Scenario;
  readonly number: number;
  readonly name: string;
  readonly beganAt: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly recoveriesMs: readonly (number | null)[];
  readonly figures: readonly Figure[];
  readonly judges: readonly (() => Promise<OwnVerdict | undefined>)[];
}

export interface RoundOptions {
  readonly world: World;
  readonly scenario: Scenario;
  readonly number: number;
  readonly seed: number;
  readonly quick: boolean;
  /** Jobs per second, at most. */
  readonly mostPerSecond: number;
  readonly tell: (text: string) => void;
}

/** How long nothing may come nearer to its end: the sweep waits for 30 s of silence and looks every 10 s; backoffs and holds come on top. */
const PATIENCE_MS = 150_000;
/** Of which the last 3 s are the rate before. */
const BEFORE_MS = 3500;
/** Three times as long as it may take, so that the table shows how long it took. */
const RECOVERY_MS = 30_000;
const QUICK_RECOVERY_MS = 12_000;
const REST_WITHIN_MS = 30_000;
const TELL_EVERY_MS = 60_000;
const MOST_NOTES = 10;

/** Injects the faults of one round while jobs arrive. */
export async function injectRound(options: RoundOptions): Promise<Injected> {
  const { world, scenario, number, seed, quick, mostPerSecond, tell } = options;
  const name = `${scenario.name}/${number}`;
  const faults: Record<string, number> = {};
  const recoveriesMs: (number | null)[] = [];
  const figures: Figure[] = [];
  const judges: (() => Promise<OwnVerdict | undefined>)[] = [];
  const plan = { ...USUAL, ...scenario.load };
  const perSecond = Math.min(plan.perSecond, mostPerSecond);
  const throughput = new Throughput(world.db, name, perSecond);
  const load = startLoad(world.db, name, { ...plan, perSecond }, randomOf(seed, `load ${name}`));
  const beganAt = Date.now();
  const telling = setInterval(() => {
    const soFar = Object.values(faults).reduce((sum, times) => sum + times, 0);
    tell(`${scenario.name}: ${soFar} faults so far`);
  }, TELL_EVERY_MS);
  try {
    await scenario.inject({
      world,
      name,
      random: randomOf(seed, name),
      quick,
      number,
      did: (fault) => (faults[fault] = (faults[fault] ?? 0) + 1),
      strikes: async (strike, meanwhile) => {
        await sleep(BEFORE_MS);
        const began = Date.now();
        await strike();
        const ended = Date.now();
        const isBack = async () => throughput.recovery(began, ended) !== undefined;
        await Promise.all([
          until(isBack, quick ? QUICK_RECOVERY_MS : RECOVERY_MS),
          meanwhile?.(began, ended),
        ]);
        recoveriesMs.push(throughput.recovery(began, ended) ?? null);
      },
      measured: (figure) => {
        if (!Number.isFinite(figure.value))
          throw new Error(`"${figure.name}" was not measured: ${figure.value}`);
        figures.push(figure);
      },
      judges: (own) => judges.push(own),
      tell,
    });
  } finally {
    clearInterval(telling);
    await load.stop();
    throughput.stop();
  }
  return { scenario, number, name, beganAt, faults, recoveriesMs, figures, judges };
}

/** What is counted over a whole run, as far as earlier rounds have not claimed it. */
export interface Unclaimed {
  /** Whether nothing of any other round is under way any more. */
  readonly isAlone: () => boolean;
  readonly deliveries: () => number;
  readonly exits: () => readonly string[];
}

/** Waits until the jobs of a round are at their end, or should be, and compares what became of them with the promises. */
export async function judgeRound(
  { scenario, number, name, beganAt, faults, recoveriesMs, figures, judges }: Injected,
  { world, seed, quick }: RoundOptions,
  unclaimed: Unclaimed,
  commit: string,
): Promise<RoundResult> {
  await comesDown(0, () => countOpen(world.db, name), scenario.patienceMs ?? PATIENCE_MS);
  const fates = await readFates(world.db, name);
  // In the quick run others stop processes and kill them meanwhile.
  const { exactAttempts = false, noDuplicates = false } = quick ? {} : scenario;
  const verdict = judge(fates, world.provider.effectsOf(name), exactAttempts);
  const { breaches } = verdict;
  const declaredDuplicates = noDuplicates ? 0 : verdict.declaredDuplicates;
  const inexcusable = noDuplicates ? verdict.declaredDuplicates : 0;
  const overtaken = await findOvertaken(world.db, name);
  const slipped = await findSlipped(world.db, name);
  const verdicts = await Promise.all(judges.map((ownVerdict) => ownVerdict()));
  const own = verdicts.filter((verdict) => verdict !== undefined);
  const isOver = unclaimed.isAlone() && breaches.every(({ breach }) => breach !== "lost");
  const rest = isOver ? await findRest(world) : [];
  const exits = unclaimed.exits();
  const of = (...kinds: readonly string[]) => breaches.filter(({ breach }) => kinds.includes(breach)).length;
  const ownSum = (count: (each: OwnVerdict) => number) => own.reduce((sum, each) => sum + count(each), 0);
  return {
    scenario: scenario.name,
    round: number,
    seed,
    quick,
    commit,
    endedAt: new Date().toISOString(),
    seconds: (Date.now() - beganAt) / 1000,
    committed: fates.length + ownSum(({ committed }) => committed),
    lost: of("lost") + ownSum(({ lost }) => lost.length),
    duplicateEffects: of("duplicate") + inexcusable + ownSum(({ duplicates }) => duplicates.length),
    declaredDuplicates: declaredDuplicates + ownSum((each) => each.declaredDuplicates ?? 0),
    wrongEnds:
      of("wrong end", "attempts") +
      overtaken.length +
      slipped.length +
      ownSum(({ wrongEnds }) => wrongEnds.length),
    leftovers: rest.length,
    deliveries: unclaimed.deliveries(),
    faults: { ...faults },
    unexpectedExits: exits.length,
    recoveriesMs: [...recoveriesMs],
    figures: [...figures],
    notes: [
      ...breaches.map(({ job, what }) => `${job}: ${what}`),
      ...(inexcusable > 0 ? [`${inexcusable} effects twice, though nobody died`] : []),
      ...overtaken.map((job) => `${job}: a job of its key that was enqueued later came first`),
      ...slipped.map((job) => `${job}: it was done though a dead letter held its line`),
      ...own.flatMap(({ lost, duplicates, wrongEnds }) => [...lost, ...duplicates, ...wrongEnds]),
      ...rest,
      ...exits,
    ].slice(0, MOST_NOTES),
  };
}

/** What lies where nothing should, after some time for it to go: in words. */
async function findRest(world: World): Promise<string[]> {
  let rest: string[] = [];
  await until(async () => (rest = await look(world)).length === 0, REST_WITHIN_MS);
  return rest;
}

async function look(world: World): Promise<string[]> {
  const { outbox, openLetters } = await countRest(world.db);
  const found = outbox === 0 ? [] : [`${outbox} rows lie in the outbox`];
  const connection = await world.broker.connect();
  try {
    const channel = await connection.createChannel();
    let parked = 0;
    for (const queue of await world.broker.queues()) {
      const { messageCount } = await channel.checkQueue(queue);
      if (queue.endsWith(".dead-letters")) parked += messageCount;
      else if (messageCount > 0) found.push(`${messageCount} messages lie in ${queue}`);
    }
    // A copy may have gone out twice, which is no harm; one that is missing is not there for people to see.
    if (parked < openLetters) found.push(`${openLetters} letters are open and ${parked} copies are parked`);
    return found;
  } finally {
    await connection.close();
  }
}
