import { expect, test } from "vitest";
import {
  type Arrival,
  judgePosts,
  type PostFate,
  type PostsEvidence,
} from "../../faults/world/correspondence/judge-posts.ts";
import type { Post } from "../../faults/world/correspondence/posts.ts";

const cut = { name: "mailbox: taken, cut", share: 0, takes: true, fault: { kind: "timeout-after-effect" } };
const busy = { name: "mailbox: 450", share: 0, takes: false, fault: { kind: "450" } };

const code: Post = {
  kind: "code",
  to: "a@example.test",
  text: undefined,
  failures: [],
  hopeless: false,
  unplanned: 0,
  afterMs: 0,
};
const mailed: PostFate = {
  to: "a@example.test",
  job: "completed",
  attempts: 1,
  mostAttempts: 5,
  letter: null,
  letters: 0,
  record: "sent",
  text: "123456",
  arrivalId: null,
};
const mail: Arrival = { to: "a@example.test", text: "123456", mark: "<j.1@example.test>", id: "m1" };

const message: Post = { ...code, kind: "message", to: "1999", text: "Hello" };
const sent: PostFate = { ...mailed, to: "1999", mostAttempts: 3, text: "Hello", arrivalId: "wamid.1" };
const chat: Arrival = { to: "1999", text: "Hello", mark: "j.1", id: "wamid.1" };

const givenUp: PostFate = {
  ...sent,
  job: "dead_lettered",
  attempts: 3,
  letter: "attempts_exhausted",
  letters: 1,
  record: "failed",
  arrivalId: null,
};
const unknown: PostFate = {
  ...mailed,
  job: "dead_lettered",
  letter: "permanent_error",
  letters: 1,
  record: "pending",
};

const codes: PostsEvidence = { posts: [code], fates: [mailed], arrivals: [mail] };
const messages: PostsEvidence = { posts: [message], fates: [sent], arrivals: [chat] };

test.each<[string, PostsEvidence, number]>([
  ["a code that is mailed once", codes, 0],
  ["a code that is mailed twice under one Message-ID", { ...codes, arrivals: [mail, mail] }, 1],
  [
    "a code that was taken without an answer, and tried again",
    {
      posts: [{ ...code, failures: [cut, busy] }],
      fates: [{ ...mailed, attempts: 3 }],
      arrivals: [mail, mail],
    },
    1,
  ],
  [
    "a code whose failed attempt was not recorded, because its process was killed",
    { posts: [{ ...code, failures: [cut] }], fates: [mailed], arrivals: [mail, mail] },
    1,
  ],
  [
    "a code that is refused for good",
    { posts: [{ ...code, hopeless: true }], fates: [unknown], arrivals: [] },
    0,
  ],
  ["a message that is sent once", messages, 0],
  [
    "a message that is recorded with its second arrival",
    { ...messages, arrivals: [{ ...chat, id: "wamid.0" }, chat] },
    1,
  ],
  [
    "a message that is refused at every attempt",
    { posts: [{ ...message, hopeless: true }], fates: [givenUp], arrivals: [] },
    0,
  ],
  [
    "a message that lost all its attempts to a dead network",
    { posts: [{ ...message, failures: [busy], unplanned: 2 }], fates: [givenUp], arrivals: [] },
    0,
  ],
])("%s is what was promised", (_, evidence, declaredDuplicates) => {
  const verdict = judgePosts(evidence);
  expect(verdict).toEqual({ committed: 1, declaredDuplicates, lost: [], duplicates: [], wrongEnds: [] });
});

test.each<[string, PostsEvidence, "lost" | "duplicates" | "wrongEnds", RegExp]>([
  ["a code without a job", { ...codes, fates: [], arrivals: [] }, "lost", /no such job/],
  [
    "a job that never ended",
    { ...codes, fates: [{ ...mailed, job: "running" }] },
    "lost",
    /its job is running/,
  ],
  ["a code that never arrived", { ...codes, arrivals: [] }, "lost", /nothing arrived/],
  [
    "a duplicate that the mailbox hides",
    { ...codes, posts: [{ ...code, failures: [cut] }] },
    "lost",
    /taken 2 times at least, and 1 are there/,
  ],
  ["a mail that is not recorded", { ...codes, fates: [{ ...mailed, record: "pending" }] }, "lost", /pending/],
  [
    "a second mail that looks like another",
    { ...codes, arrivals: [mail, { ...mail, mark: "<j.2@example.test>" }] },
    "duplicates",
    /under 2 marks: <j\.1@example\.test>, <j\.2@/,
  ],
  ["two challenges for one address", { ...codes, fates: [mailed, mailed] }, "duplicates", /there are 2/],
  ["two dead letters", { ...codes, fates: [{ ...unknown, letters: 2 }] }, "duplicates", /2 dead letters/],
  [
    "another code than the challenge's",
    { ...codes, arrivals: [{ ...mail, text: "654321" }] },
    "wrongEnds",
    /"654321" arrived instead of "123456"/,
  ],
  [
    "a message in another conversation",
    { ...messages, arrivals: [chat, { ...chat, to: "2000" }] },
    "wrongEnds",
    /arrived at 2000, to whom nothing was sent/,
  ],
  [
    "another text",
    { ...messages, arrivals: [{ ...chat, text: "Hi" }] },
    "wrongEnds",
    /"Hi" arrived instead of "Hello"/,
  ],
  [
    "a message that is recorded as one that never arrived",
    { ...messages, fates: [{ ...sent, arrivalId: "wamid.9" }] },
    "wrongEnds",
    /wamid\.9, which did not arrive/,
  ],
  [
    "a dead letter that nobody planned",
    { ...messages, fates: [givenUp] },
    "wrongEnds",
    /nothing was to stop/,
  ],
  [
    "a dead letter that a dead network cannot explain",
    { ...messages, posts: [{ ...message, unplanned: 2 }], fates: [givenUp] },
    "wrongEnds",
    /nothing was to stop/,
  ],
  [
    "a letter of another kind where attempts could be lost",
    {
      ...messages,
      posts: [{ ...message, unplanned: 3 }],
      fates: [{ ...givenUp, letter: "permanent_error" }],
      arrivals: [],
    },
    "wrongEnds",
    /nothing was to stop/,
  ],
  [
    "given up, and recorded as sent",
    { ...messages, posts: [{ ...message, unplanned: 3 }], fates: [{ ...givenUp, record: "sent" }] },
    "wrongEnds",
    /given up, and recorded as sent/,
  ],
  ["cancelled by nobody", { ...codes, fates: [{ ...mailed, job: "cancelled" }] }, "wrongEnds", /cancelled/],
  [
    "refused, and completed",
    { ...codes, posts: [{ ...code, hopeless: true }] },
    "wrongEnds",
    /instead of permanent_error/,
  ],
  [
    "refused, and arrived",
    { posts: [{ ...code, hopeless: true }], fates: [unknown], arrivals: [mail] },
    "wrongEnds",
    /refused, and arrived 1 times/,
  ],
  [
    "refused, and the domain was not told",
    { posts: [{ ...message, hopeless: true }], fates: [{ ...givenUp, record: "pending" }], arrivals: [] },
    "wrongEnds",
    /recorded as pending/,
  ],
  [
    "refused for good, and tried again",
    { posts: [{ ...code, hopeless: true }], fates: [{ ...unknown, attempts: 2 }], arrivals: [] },
    "wrongEnds",
    /2 attempts of 5/,
  ],
  [
    "an attempt that no failure explains",
    { ...codes, fates: [{ ...mailed, attempts: 2 }] },
    "wrongEnds",
    /after 2/,
  ],
  [
    "more attempts than there are",
    { ...messages, posts: [{ ...message, unplanned: 9 }], fates: [{ ...sent, attempts: 4 }] },
    "wrongEnds",
    /4 attempts of 3/,
  ],
  ["completed without an attempt", { ...codes, fates: [{ ...mailed, attempts: 0 }] }, "wrongEnds", /after 0/],
])("%s is seen", (_, evidence, kind, words) => {
  expect(judgePosts(evidence)[kind]).toEqual([expect.stringMatching(words)]);
});
