import type { OwnVerdict } from "../../scenario.ts";
import type { Post } from "./posts.ts";

/** What its service says of a post. */
export interface PostFate {
  readonly to: string;
  /** State of its job. */
  readonly job: string | null;
  readonly attempts: number | null;
  readonly mostAttempts: number | null;
  /** Reason of its dead letter. */
  readonly letter: string | null;
  readonly letters: number;
  /** What the service wrote down of it. */
  readonly record: "pending" | "sent" | "failed";
  /** What was to be sent. */
  readonly text: string;
  /** Of the arrival that the service knows of, where it keeps that. */
  readonly arrivalId: string | null;
}

/** A mail in the mailbox or a message in a conversation. */
export interface Arrival {
  readonly to: string;
  readonly text: string;
  /** By which a second one is known as the same: its Message-ID, its reference. */
  readonly mark: string;
  readonly id: string;
}

/** All that is known of a round's posts at its end. */
export interface PostsEvidence {
  readonly posts: readonly Post[];
  readonly fates: readonly PostFate[];
  readonly arrivals: readonly Arrival[];
}

type Breach = readonly ["lost" | "duplicates" | "wrongEnds", string];

const FINAL: ReadonlySet<string> = new Set(["completed", "dead_lettered", "cancelled"]);

/**
 * Compares what arrived outside, and what the services say of it, with what was to be sent. Both handlers are
 * `atLeastOnce`: a second arrival is a declared duplicate, as long as it can be told from another message.
 */
export function judgePosts({ posts, fates, arrivals }: PostsEvidence): OwnVerdict {
  const fatesOf = Map.groupBy(fates, ({ to }) => to);
  const arrivalsOf = Map.groupBy(arrivals, ({ to }) => to);
  const known = new Set(posts.map(({ to }) => to));
  const breaches: readonly Breach[] = [
    ...posts.flatMap((post) => {
      const breach = judgePost(post, fatesOf.get(post.to) ?? [], arrivalsOf.get(post.to) ?? []);
      return breach === undefined ? [] : [[breach[0], `${post.kind} to ${post.to}: ${breach[1]}`] as const];
    }),
    ...arrivals
      .filter(({ to }) => !known.has(to))
      .map(({ to, id }) => ["wrongEnds", `${id} arrived at ${to}, to whom nothing was sent`] as const),
  ];
  const of = (kind: Breach[0]) => breaches.filter(([found]) => found === kind).map(([, what]) => what);
  return {
    committed: posts.length,
    declaredDuplicates: posts.reduce(
      (sum, { to }) => sum + Math.max(0, (arrivalsOf.get(to)?.length ?? 0) - 1),
      0,
    ),
    lost: of("lost"),
    duplicates: of("duplicates"),
    wrongEnds: of("wrongEnds"),
  };
}

// What is broken first explains the rest.
function judgePost(
  post: Post,
  [fate, ...others]: readonly PostFate[],
  arrivals: readonly Arrival[],
): Breach | undefined {
  if (fate === undefined) return ["lost", "there is no such job"];
  if (others.length > 0) return ["duplicates", `there are ${others.length + 1} of it`];
  if (!FINAL.has(fate.job ?? "")) return ["lost", `its job is ${fate.job}`];
  if (fate.letters > 1) return ["duplicates", `it has ${fate.letters} dead letters`];
  return judgeArrivals(post, fate, arrivals) ?? judgeEnd(post, fate, arrivals) ?? judgeAttempts(post, fate);
}

function judgeArrivals(post: Post, fate: PostFate, arrivals: readonly Arrival[]): Breach | undefined {
  const marks = new Set(arrivals.map(({ mark }) => mark));
  if (marks.size > 1) return ["duplicates", `arrived under ${marks.size} marks: ${[...marks].join(", ")}`];
  const text = post.text ?? fate.text;
  const other = arrivals.find((arrival) => arrival.text !== text);
  if (other !== undefined) return ["wrongEnds", `"${other.text}" arrived instead of "${text}"`];
  return undefined;
}

function judgeEnd(post: Post, fate: PostFate, arrivals: readonly Arrival[]): Breach | undefined {
  if (post.hopeless) return judgeRefused(post, fate, arrivals);
  if (fate.job === "completed") return judgeCompleted(post, fate, arrivals);
  if (!isExhausted(post, fate))
    return ["wrongEnds", `${fate.job} (${fate.letter}), and nothing was to stop it`];
  if (fate.record === "sent") return ["wrongEnds", "given up, and recorded as sent"];
  return undefined;
}

// As often as it may be tried, and the dead networks of its part may have cost as many attempts as were missing.
function isExhausted({ failures, unplanned }: Post, { letter, mostAttempts }: PostFate): boolean {
  return letter === "attempts_exhausted" && failures.length + unplanned >= (mostAttempts ?? 0);
}

function judgeRefused({ kind }: Post, fate: PostFate, arrivals: readonly Arrival[]): Breach | undefined {
  const wanted = kind === "code" ? "permanent_error" : "attempts_exhausted";
  if (fate.job !== "dead_lettered" || fate.letter !== wanted)
    return ["wrongEnds", `${fate.job} (${fate.letter}) instead of ${wanted}`];
  if (arrivals.length > 0) return ["wrongEnds", `refused, and arrived ${arrivals.length} times`];
  // The domain of codes is not told; that of messages is.
  const record = kind === "code" ? "pending" : "failed";
  return fate.record === record ? undefined : ["wrongEnds", `refused, and recorded as ${fate.record}`];
}

function judgeCompleted(post: Post, fate: PostFate, arrivals: readonly Arrival[]): Breach | undefined {
  if (arrivals.length === 0) return ["lost", "completed, and nothing arrived"];
  const takings = 1 + post.failures.filter(({ takes }) => takes).length;
  if (arrivals.length < takings)
    return [
      "lost",
      `taken ${takings} times at least, and ${arrivals.length} are there: a duplicate is hidden`,
    ];
  if (fate.record !== "sent") return ["lost", `completed, and recorded as ${fate.record}`];
  if (fate.arrivalId !== null && arrivals.every(({ id }) => id !== fate.arrivalId))
    return ["wrongEnds", `recorded as ${fate.arrivalId}, which did not arrive`];
  return undefined;
}

// Kills cost no attempt, and may cost the record of one; holds cost none.
function judgeAttempts(post: Post, { job, attempts, mostAttempts }: PostFate): Breach | undefined {
  const [spent, most] = [attempts ?? 0, mostAttempts ?? 0];
  const planned = post.failures.length + 1;
  const refused = post.kind === "code" ? 1 : most;
  const [least, allowed] = post.hopeless ? [refused, refused] : [1, Math.min(most, planned + post.unplanned)];
  if (spent >= least && spent <= allowed) return undefined;
  return ["wrongEnds", `${job} after ${spent} attempts of ${most}, ${planned} were planned`];
}
