import {
  type DulyError,
  PermanentError,
  RetryableError,
  UnknownOutcomeError,
  UnreachableError,
} from "#shared/index.ts";

/** What nodemailer says of a failed send. */
interface SmtpFailure extends Error {
  /** Nodemailer's code, listed in its `errors.js`. */
  readonly code?: string;
  /** The server's reply code, where it replied. */
  readonly responseCode?: number;
}

/** Codes of mail that nodemailer refuses by itself: no server will ever see it. */
const MALFORMED = new Set([
  "EENVELOPE",
  "EMESSAGE",
  "ESTREAM",
  "ECONFIG",
  "EMAXRECIPIENTS",
  "EFILEACCESS",
  "EURLACCESS",
]);

/** Codes of a server that was not reached, or lost, before it was given the mail. */
const UNREACHED = new Set([
  "EDNS",
  "ESOCKET",
  "ECONNECTION",
  "ETIMEDOUT",
  "ETLS",
  "EPROTOCOL",
  "EPROXY",
  "EAUTH",
]);

/**
 * Tells what a failed send means; `contentRead` says whether a byte of the mail has left.
 *
 * | what happened | meaning | source |
 * |---|---|---|
 * | reply 421, any time | unreachable: the server is closing, nothing was accepted | RFC 5321 §3.8, §4.2.3 |
 * | login refused | unreachable: our fault and not the mail's, held until SMTP_URL is mended | RFC 4954 §6 |
 * | reply 503 | retryable: the session was at fault and not the mail | RFC 5321 §4.2.4 |
 * | any other 5xx | permanent | RFC 5321 §4.2.1 |
 * | any other reply | retryable, nothing was accepted | RFC 5321 §4.2.1 |
 * | no reply, mail begun | unknown: the server may have taken it | RFC 5321 §4.5.3.2.6, RFC 1047 |
 * | no reply, mail not begun | unreachable; cancelled by ourselves: retryable | nodemailer `errors.js` |
 * | refused by nodemailer itself | permanent | nodemailer `errors.js` |
 *
 * An error of none of these kinds is given back as it is.
 */
export function smtpError(failure: SmtpFailure, contentRead: boolean): DulyError | SmtpFailure {
  const { code = "", responseCode, message } = failure;
  const details = { cause: failure };
  if (responseCode !== undefined) return refusal(failure, responseCode);
  if (contentRead) return new UnknownOutcomeError(`the mail had begun to leave: ${message}`, details);
  if (code === "EABORT") return new RetryableError("mail_cancelled", message, { ...details, effect: "none" });
  if (MALFORMED.has(code)) return new PermanentError("mail_malformed", message, details);
  if (UNREACHED.has(code)) return new UnreachableError("smtp", message, details);
  return failure;
}

function refusal(failure: SmtpFailure, responseCode: number): DulyError {
  const details = { cause: failure };
  if (responseCode === 421 || failure.code === "EAUTH")
    return new UnreachableError("smtp", failure.message, details);
  if (responseCode >= 500 && responseCode !== 503) {
    return new PermanentError(`smtp_${responseCode}`, failure.message, details);
  }
  return new RetryableError(`smtp_${responseCode}`, failure.message, { ...details, effect: "none" });
}
