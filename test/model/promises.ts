import type { Setting, World } from "./world.ts";

/** Says which promise a world breaks; undefined for none. */
export function brokenPromise(world: World, setting: Setting): string | undefined {
  return brokenEffect(world, setting) ?? brokenCount(world, setting) ?? brokenRows(world);
}

function brokenEffect({ rows, effects, records }: World, setting: Setting): string | undefined {
  if (setting.effects !== "atLeastOnce" && effects > 1) return `${effects} effects`;
  if (rows.state === "completed" && effects === 0) return "completed without an effect";
  if (rows.state === "cancelled" && effects > 0) return "cancelled, and yet it had its effect";
  if (rows.state === "completed" && records !== 1) return `completed, and recorded ${records} times`;
  if (rows.state !== "completed" && records !== 0) return "recorded, and not completed";
  return undefined;
}

// A crash, a hold, a sweep and a takeover spend no attempt: only an answer does.
function brokenCount({ rows, answers }: World, setting: Setting): string | undefined {
  if (rows.attempt > setting.maxAttempts) return `${rows.attempt} attempts of ${setting.maxAttempts}`;
  if (rows.attempt > answers) return "an attempt was spent without an answer";
  return undefined;
}

function brokenRows({ rows }: World): string | undefined {
  const { state, wake, holder } = rows;
  if (wake && state !== "scheduled" && state !== "held" && state !== "retrying")
    return "taken before its time was come";
  if (!wake && (state === "scheduled" || state === "held")) return "waits, and nothing will wake it";
  if ((holder !== undefined) !== (state === "running")) return `${state}, and its holder is ${holder}`;
  if (new Set(rows.outbox.map(({ send }) => send)).size < rows.outbox.length) return "two rows of one send";
  return undefined;
}
