import { sql } from "kysely";
import { z } from "zod";
import { HEADER } from "#shared/broker/headers.ts";
import { defineJob } from "#shared/index.ts";
import type { OwnVerdict, Round } from "../scenario.ts";
import { KINDS } from "../service/kinds.ts";
import type { Random } from "../world/random.ts";
import { until } from "../world/wait.ts";
import type { World } from "../world/world.ts";

/** A service of which no process runs: whatever is on its queue is a stranger's. */
export const STRAYS = "strays";

/** What only a stranger takes. */
export const StrayJob = defineJob("strays.job", {
  payload: z.object({ round: z.string() }),
  priority: "medium",
});

/** A message that has to become a dead letter. */
export interface Stray {
  /** The live job that it is of. */
  readonly job: string | undefined;
  /** Of a foreign message, by which it is known. */
  readonly body: Buffer | undefined;
  readonly type: string;
  readonly reason: string;
}

/** Makes a foreign message, unlike any other, for the queue of a service; the stranger rejects all that is there. */
export function madeStray(random: Random, service: string): Stray & { readonly body: Buffer } {
  const mark = Array.from({ length: 4 }, () => random.between(0, 2 ** 32 - 1).toString(16)).join("-");
  const json = Buffer.from(JSON.stringify({ mark }));
  const garbage = Buffer.concat([Buffer.from([0, 0xff]), Buffer.from(mark)]);
  const kinds = [
    { body: garbage, type: KINDS.row.type, reason: "unreadable_message" },
    { body: json, type: "nobody.knows", reason: "unknown_type" },
    { body: json, type: KINDS.row.type, reason: "invalid_payload" },
  ] as const;
  const kind = kinds[random.between(0, 2)] ?? kinds[0];
  return { ...kind, job: undefined, reason: service === STRAYS ? "rejected_by_broker" : kind.reason };
}

/** What became of a stray. */
interface StrayFate {
  readonly place: number;
  readonly letters: readonly string[];
  readonly reasons: readonly string[];
  readonly state: string | null;
  readonly attempts: number | null;
}

const WITHIN_MS = 60_000;

/** Waits until each stray has its letter and a parked copy, or should have, and compares. */
export async function judgeStrays(
  { world, measured }: Round,
  strays: readonly Stray[],
  parked: readonly string[],
): Promise<OwnVerdict> {
  let copies: ReadonlyMap<string, number> = new Map();
  let fates: readonly StrayFate[] = [];
  await until(async () => {
    fates = await fatesOf(world, strays);
    copies = await readCopies(world, parked);
    return fates.every(({ letters }) => letters.length > 0 && letters.every((letter) => copies.has(letter)));
  }, WITHIN_MS);
  const twice = fates.flatMap(({ letters }) => letters.filter((letter) => (copies.get(letter) ?? 0) > 1));
  measured({ name: "parked copies that went out twice", value: twice.length, unit: "copies" });
  let declaredDuplicates = 0;
  const verdict = { lost: [] as string[], duplicates: [] as string[], wrongEnds: [] as string[] };
  for (const { place, letters, reasons, state, attempts } of fates) {
    const { job, type, reason } = strays[place] ?? { job: undefined, type: "", reason: "" };
    const what = `${job === undefined ? "foreign message" : `job ${job}`} (${type}, ${reason})`;
    if (letters.length === 0) verdict.lost.push(`${what}: no letter`);
    // Whoever was thought dead and lives makes a letter of what it had in hand: nothing tells two foreign messages apart.
    else if (letters.length > 1 && job === undefined) declaredDuplicates += letters.length - 1;
    else if (letters.length > 1) verdict.duplicates.push(`${what}: ${letters.length} letters`);
    else if (!letters.every((letter) => copies.has(letter))) verdict.lost.push(`${what}: no parked copy`);
    else if (reasons[0] !== reason) verdict.wrongEnds.push(`${what}: its letter says ${reasons[0]}`);
    else if (job !== undefined && (state !== "dead_lettered" || attempts !== 0))
      verdict.wrongEnds.push(`${what}: ${state} after ${attempts} attempts`);
  }
  return { ...verdict, declaredDuplicates, committed: strays.length };
}

async function fatesOf({ db }: World, strays: readonly Stray[]): Promise<StrayFate[]> {
  const result = await sql<StrayFate>`
    select s.place::int - 1 as place, coalesce(l.letters, '{}') as letters, coalesce(l.reasons, '{}') as reasons,
      j.state::text as state, j.attempt as attempts
    from unnest(${strays.map(({ job }) => job ?? null)}::uuid[],
        ${strays.map(({ body }) => body?.toString("hex") ?? null)}::text[]) with ordinality as s(job, body, place)
      left join duly.jobs j on j.id = s.job
      left join lateral (select array_agg(l.id::text) as letters, array_agg(l.reason) as reasons
        from duly.dead_letters l where l.job_id = s.job or l.body = decode(s.body, 'hex')) l on true
  `.execute(db);
  return result.rows;
}

/** How many parked copies each letter has. What is read is handed back. */
async function readCopies({ broker }: World, queues: readonly string[]): Promise<Map<string, number>> {
  const copies = new Map<string, number>();
  const connection = await broker.connect();
  try {
    const there = await broker.queues();
    for (const queue of queues.filter((each) => there.includes(each))) {
      const channel = await connection.createChannel();
      for (let message = await channel.get(queue); message !== false; message = await channel.get(queue)) {
        const letter: unknown = message.properties.headers?.[HEADER.letter];
        if (typeof letter === "string") copies.set(letter, (copies.get(letter) ?? 0) + 1);
      }
      await channel.close();
    }
  } finally {
    await connection.close();
  }
  return copies;
}
