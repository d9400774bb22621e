import type { Random } from "../random.ts";

/** What goes wrong once on the way of a post, by a fault of its provider. */
export interface Trouble {
  readonly name: string;
  /** Of all posts, 1. */
  readonly share: number;
  /** Whether the provider has it all the same. */
  readonly takes: boolean;
  readonly fault: Readonly<Record<string, unknown>> & { readonly kind: string };
}

const CUT = { kind: "timeout-after-effect", delayMs: 100 };
/** The services give up after 10 s (SMTP) and 15 s. */
const SILENCE = { kind: "timeout-after-effect", delayMs: 20_000 };

/** Each costs the job one attempt. */
const TROUBLES: Readonly<Record<"code" | "message", readonly Trouble[]>> = {
  code: [
    { name: "mailbox: taken, cut", share: 0.05, takes: true, fault: CUT },
    { name: "mailbox: taken, silence", share: 0.01, takes: true, fault: SILENCE },
    { name: "mailbox: 450", share: 0.05, takes: false, fault: { kind: "450" } },
  ],
  message: [
    { name: "chat: taken, cut", share: 0.05, takes: true, fault: CUT },
    { name: "chat: taken, silence", share: 0.01, takes: true, fault: SILENCE },
    { name: "chat: 500", share: 0.03, takes: false, fault: { kind: "5xx" } },
    { name: "chat: 503", share: 0.03, takes: false, fault: { kind: "5xx", status: 503 } },
    { name: "chat: reset", share: 0.03, takes: false, fault: { kind: "reset" } },
  ],
};

/** What refuses a post at every attempt: a mail for good, so that there is only one. */
export const REFUSALS: Readonly<Record<"code" | "message", Omit<Trouble, "share" | "takes">>> = {
  code: { name: "mailbox: 550", fault: { kind: "550" } },
  message: { name: "chat: 500", fault: { kind: "5xx" } },
};

/** Of those that meet one trouble, so many meet another: one attempt fewer than a message has. */
const TWICE = 0.2;

/** Draws what happens to one post, at `often` times the usual rates: nothing mostly, two troubles at most. */
export function drawTroubles(kind: "code" | "message", often: number, random: Random): Trouble[] {
  const shares = Object.fromEntries(TROUBLES[kind].map(({ name, share }) => [name, share]));
  const total = Object.values(shares).reduce((sum, share) => sum + share, 0);
  const names = [random.draw(shares, 1 / Math.max(often, Number.MIN_VALUE))];
  if (names[0] !== undefined && random.chance(TWICE)) names.push(random.draw(shares, total));
  return names.flatMap((name) => TROUBLES[kind].filter((trouble) => trouble.name === name));
}
