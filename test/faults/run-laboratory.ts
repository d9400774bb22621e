import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { endLeftovers } from "../../services/local/processes/leftovers.ts";
import { isClean, keepResult, misses, type RoundResult, readResults } from "./results.ts";
import { injectRound, judgeRound, type RoundOptions, type Unclaimed } from "./run-round.ts";
import type { Scenario } from "./scenario.ts";
import { startWorld, type World } from "./world/world.ts";

export interface LaboratoryOptions {
  /** For servers, logs and data; removed when all went well. */
  readonly folder: string;
  readonly resultsFile: string;
  readonly stages: readonly (readonly Scenario[])[];
  readonly quick: boolean;
  readonly seed: number;
  /** Rounds of one scenario, at most. */
  readonly rounds: number;
  /** No round begins later. */
  readonly untilMs: number;
  readonly commit: string;
  /** The person wants it to end: nothing is started again. */
  readonly end: AbortSignal;
  readonly tell: (text: string) => void;
}

const UP_MS = 90_000;
/** The quick run shares the machine with the rest of CI. */
const QUICK_PER_SECOND = 100;

/** Runs the rounds that the results do not hold yet. */
export async function runLaboratory(options: LaboratoryOptions): Promise<void> {
  if (options.quick) return runQuick(options);
  for (const scenario of options.stages.flat()) {
    const done = new Set(
      readResults(options.resultsFile)
        .filter((result) => result.scenario === scenario.name)
        .map(({ round }) => round),
    );
    const numbers = Array.from({ length: scenario.rounds }, (_, number) => number);
    const left = numbers.filter((number) => !done.has(number)).slice(0, options.rounds);
    if (left.length === 0 || Date.now() > options.untilMs) continue;
    await withWorld(options, async (world) => {
      const unclaimed = { ...claims(world), isAlone: () => true };
      for (const number of left) {
        if (Date.now() > options.untilMs) break;
        options.tell(`${scenario.name} ${number + 1}/${scenario.rounds}: ${scenario.what}`);
        const round = roundOf(options, world, scenario, { number, mostPerSecond: Number.POSITIVE_INFINITY });
        const injected = await injectRound(round);
        const result = await judgeRound(injected, round, unclaimed, options.commit);
        keep(options, result);
        // What one round left undone would be counted against the next.
        if (result.lost + result.leftovers > 0) break;
      }
    });
  }
}

// One world and one wait for the stragglers of all: the sweep alone takes 40 s.
async function runQuick(options: LaboratoryOptions): Promise<void> {
  await withWorld(options, async (world) => {
    const injected: { round: RoundOptions; done: Awaited<ReturnType<typeof injectRound>> }[] = [];
    for (const stage of options.stages) {
      options.tell(stage.map(({ name }) => name).join(", "));
      const mostPerSecond = QUICK_PER_SECOND / stage.length;
      const rounds = stage.map((scenario) => roundOf(options, world, scenario, { number: 0, mostPerSecond }));
      const done = await Promise.all(rounds.map((round) => injectRound(round)));
      injected.push(...rounds.map((round, index) => ({ round, done: done[index] ?? never() })));
    }
    options.tell("waiting for the last jobs to end");
    const counted = claims(world);
    for (const [index, { round, done }] of injected.entries()) {
      const unclaimed = { ...counted, isAlone: () => index === injected.length - 1 };
      keep(options, await judgeRound(done, round, unclaimed, options.commit));
    }
  });
}

function roundOf(
  { seed, quick, tell }: LaboratoryOptions,
  world: World,
  scenario: Scenario,
  round: Pick<RoundOptions, "number" | "mostPerSecond">,
): RoundOptions {
  return { ...round, world, scenario, seed, quick, tell: (text) => tell(`  ${text}`) };
}

function keep({ resultsFile, tell }: LaboratoryOptions, result: RoundResult): void {
  keepResult(resultsFile, result);
  const { scenario, round, committed, seconds } = result;
  const faults = Object.values(result.faults).reduce((sum, times) => sum + times, 0);
  tell(
    `  ${scenario} ${round + 1}: ${faults} faults, ${committed} jobs, ${Math.round(seconds)} s, ` +
      (isClean(result) ? "nothing lost, nothing twice" : "BROKEN"),
  );
  for (const note of [...result.notes, ...misses(result)]) tell(`    ${note}`);
}

function claims(world: World): Omit<Unclaimed, "isAlone"> {
  let deliveries = 0;
  let exits = 0;
  return {
    deliveries: () => {
      const before = deliveries;
      deliveries = world.deliveries();
      return deliveries - before;
    },
    exits: () => {
      const fresh = world.unexpected.slice(exits);
      exits = world.unexpected.length;
      return fresh.map(({ name, lastWords }) => `${name} ended by itself: ${lastWords}`);
    },
  };
}

async function withWorld(options: LaboratoryOptions, use: (world: World) => Promise<void>): Promise<void> {
  const { folder, seed, end, tell } = options;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "processes"), { recursive: true });
  tell("starting PostgreSQL, RabbitMQ and the processes");
  try {
    const world = await startWorld(folder, seed, end);
    await world.isUp(UP_MS);
    await use(world);
    await world.stop();
    rmSync(folder, { recursive: true, force: true });
  } finally {
    await endLeftovers(folder, 0);
  }
}

function never(): never {
  throw new Error("as many rounds end as begin");
}
