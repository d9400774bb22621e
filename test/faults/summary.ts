import Table from "cli-table3";
import { type Figure, IN_TIME_MS, isClean, isWithin, type RoundResult } from "./results.ts";
import type { Scenario } from "./scenario.ts";

/** The figures of some rounds added up. */
export interface Summary {
  readonly scenario: string;
  readonly rounds: number;
  readonly faults: number;
  readonly committed: number;
  readonly lost: number;
  readonly duplicate_effects: number;
  readonly declared_duplicates: number;
  readonly wrong_ends: number;
  readonly leftovers: number;
  readonly deliveries: number;
  readonly unexpected_exits: number;
  /** Faults after which work flowed again within 10 s, of those where that was measured. */
  readonly recovered_in_10s: string;
  readonly recovery_p50_ms: number | null;
  readonly recovery_max_ms: number | null;
  readonly seconds: number;
  readonly by_fault: Readonly<Record<string, number>>;
}

/** Adds rounds up; `scenario` names the sum. */
function sumUp(scenario: string, results: readonly RoundResult[]): Summary {
  const sum = (value: (result: RoundResult) => number) =>
    results.reduce((total, result) => total + value(result), 0);
  const byFault: Record<string, number> = {};
  for (const { faults } of results)
    for (const [name, times] of Object.entries(faults)) byFault[name] = (byFault[name] ?? 0) + times;
  const recoveries = results.flatMap(({ recoveriesMs }) => recoveriesMs);
  const measured = recoveries.filter((each) => each !== null).toSorted((a, b) => a - b);
  return {
    scenario,
    rounds: results.length,
    faults: Object.values(byFault).reduce((total, times) => total + times, 0),
    committed: sum(({ committed }) => committed),
    lost: sum(({ lost }) => lost),
    duplicate_effects: sum(({ duplicateEffects }) => duplicateEffects),
    declared_duplicates: sum(({ declaredDuplicates }) => declaredDuplicates),
    wrong_ends: sum(({ wrongEnds }) => wrongEnds),
    leftovers: sum(({ leftovers }) => leftovers),
    deliveries: sum(({ deliveries }) => deliveries),
    unexpected_exits: sum(({ unexpectedExits }) => unexpectedExits),
    recovered_in_10s: `${measured.filter((each) => each <= IN_TIME_MS).length}/${recoveries.length}`,
    recovery_p50_ms: measured[Math.floor(measured.length / 2)] ?? null,
    recovery_max_ms: measured.at(-1) ?? null,
    seconds: Math.round(sum(({ seconds }) => seconds)),
    by_fault: byFault,
  };
}

/** One summary for each scenario, in the order in which they first appear, and one of all. */
function summarize(results: readonly RoundResult[]): { rows: Summary[]; total: Summary } {
  const names = [...new Set(results.map(({ scenario }) => scenario))];
  const rows = names.map((name) =>
    sumUp(
      name,
      results.filter(({ scenario }) => scenario === name),
    ),
  );
  return { rows, total: sumUp("all", results) };
}

const COLUMNS: readonly (readonly [string, (row: Summary) => string | number])[] = [
  ["scenario", (row) => row.scenario],
  ["rounds", (row) => row.rounds],
  ["faults", (row) => row.faults],
  ["committed", (row) => row.committed],
  ["deliveries", (row) => row.deliveries],
  ["lost", (row) => row.lost],
  ["duplicates", (row) => row.duplicate_effects],
  ["declared", (row) => row.declared_duplicates],
  ["wrong", (row) => row.wrong_ends + row.leftovers],
  ["exits", (row) => row.unexpected_exits],
  ["back in 10 s", (row) => row.recovered_in_10s],
  ["p50 / max s", (row) => `${seconds(row.recovery_p50_ms)} / ${seconds(row.recovery_max_ms)}`],
];

/** The table for a terminal. */
export function tableOf(results: readonly RoundResult[]): string {
  const { rows, total } = summarize(results);
  const table = new Table({
    head: COLUMNS.map(([name]) => name),
    colAligns: COLUMNS.map((_, index) => (index === 0 ? "left" : "right")),
    style: { head: [], border: [], compact: true },
  });
  for (const row of [...rows, total]) table.push(COLUMNS.map(([, value]) => value(row)));
  return table.toString();
}

/** The same table for the documentation. */
export function markdownOf(results: readonly RoundResult[]): string {
  const { rows, total } = summarize(results);
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  return [
    line(COLUMNS.map(([name]) => name)),
    line(COLUMNS.map((_, index) => (index === 0 ? "---" : "---:"))),
    ...[...rows, total].map((row) => line(COLUMNS.map(([, value]) => value(row)))),
  ].join("\n");
}

/** Each figure that was measured, the worst of it over all rounds, as lines. */
export function figuresOf(results: readonly RoundResult[]): string[] {
  return worstFigures(results).map(({ scenario, figure }) => {
    const { name, value, unit, most, least } = figure;
    const limit = [
      ...(most === undefined ? [] : [`at most ${most}`]),
      ...(least === undefined ? [] : [`at least ${least}`]),
    ].join(", ");
    const verdict = limit === "" ? "" : ` (${limit}${isWithin(figure) ? "" : ": NOT HELD"})`;
    return `${scenario}: ${name} ${round3(value)} ${unit}${verdict}`;
  });
}

function worstFigures(results: readonly RoundResult[]): { scenario: string; figure: Figure }[] {
  const worst = new Map<string, { scenario: string; figure: Figure }>();
  for (const { scenario, figures } of results) {
    for (const figure of figures) {
      const key = `${scenario} ${figure.name}`;
      const before = worst.get(key)?.figure.value;
      const isWorse =
        before === undefined || (figure.least === undefined ? figure.value > before : figure.value < before);
      if (isWorse) worst.set(key, { scenario, figure });
    }
  }
  return [...worst.values()];
}

function round3(value: number): string {
  return value.toLocaleString("en", { maximumSignificantDigits: 3, useGrouping: true });
}

/** Faults that all rounds of a scenario have struck less often than they should. */
export interface Shortage {
  readonly scenario: string;
  readonly fault: string;
  readonly done: number;
  readonly wanted: number;
}

/** Compares how often each fault was to strike in the full matrix with how often it did, of what has been run. */
export function shortages(results: readonly RoundResult[], scenarios: readonly Scenario[]): Shortage[] {
  return scenarios.flatMap(({ name: scenario, rounds, wants = {} }) => {
    const own = results.filter((result) => result.scenario === scenario && !result.quick);
    if (own.length < rounds) return [];
    const { by_fault: done } = sumUp(scenario, own);
    return Object.entries(wants)
      .map(([fault, wanted]) => ({ scenario, fault, done: done[fault] ?? 0, wanted }))
      .filter((each) => each.done < each.wanted);
  });
}

/** Which commits and seeds the rounds are of: a table may have grown over several. */
export function originsOf(results: readonly RoundResult[]): string {
  const several = (values: readonly (string | number)[]) => [...new Set(values)].join(", ");
  return `commits ${several(results.map(({ commit }) => commit))}; seeds ${several(results.map(({ seed }) => seed))}`;
}

/** The last line of a run: one JSON object for programs. */
export function jsonOf(results: readonly RoundResult[], quick: boolean, short: readonly Shortage[]): string {
  const { rows, total } = summarize(results);
  const { scenario: _, ...figures } = total;
  return JSON.stringify({
    ok: results.every(isClean) && short.length === 0,
    quick,
    commits: [...new Set(results.map(({ commit }) => commit))],
    seeds: [...new Set(results.map(({ seed }) => seed))],
    short,
    ...figures,
    scenarios: rows,
    figures: worstFigures(results),
  });
}

function seconds(ms: number | null): string {
  return ms === null ? "–" : (ms / 1000).toFixed(1);
}
