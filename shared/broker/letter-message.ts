import type { Priority } from "../contracts/priority.ts";
import { HEADER } from "./headers.ts";
import { DEAD_LETTERS_EXCHANGE, workQueue } from "./names.ts";
import type { OutgoingMessage } from "./publish-batch.ts";
import { shortText } from "./short-text.ts";

/** What a letter's parked copy is made of. */
export interface LetterCopy {
  readonly id: string;
  readonly copy: number;
  readonly jobId: string | undefined;
  readonly service: string;
  readonly priority: Priority | undefined;
  readonly type: string | undefined;
  readonly reason: string;
  readonly error: string;
  readonly attempts: number;
  readonly correlationId: string | undefined;
  readonly body: Buffer;
  readonly failedAt: Date;
}

/** Makes the parked copy of a letter: the job's own body, and headers that tell a person what happened. */
export function letterMessage(letter: LetterCopy, now: number): OutgoingMessage {
  return {
    exchange: DEAD_LETTERS_EXCHANGE,
    routingKey: shortText([letter.service, letter.priority ?? "none", letter.type ?? "unknown"].join(".")),
    body: letter.body,
    properties: {
      messageId: letter.jobId ?? letter.id,
      ...(letter.type === undefined ? {} : { type: shortText(letter.type) }),
      ...(letter.correlationId === undefined ? {} : { correlationId: letter.correlationId }),
      appId: "duly",
      contentType: "application/json",
      persistent: true,
      timestamp: Math.floor(now / 1000),
      headers: {
        [HEADER.letter]: letter.id,
        [HEADER.copy]: letter.copy,
        [HEADER.reason]: letter.reason,
        [HEADER.error]: letter.error.slice(0, 2_000),
        [HEADER.attempts]: letter.attempts,
        [HEADER.failedAt]: letter.failedAt.toISOString(),
        ...(letter.jobId === undefined ? {} : { [HEADER.job]: letter.jobId }),
        ...(letter.priority === undefined
          ? {}
          : { [HEADER.origin]: workQueue(letter.service, letter.priority) }),
      },
    },
  };
}
