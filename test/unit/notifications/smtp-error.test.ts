import { expect, test } from "vitest";
import { PermanentError, RetryableError, UnknownOutcomeError, UnreachableError } from "#shared/index.ts";
import { smtpError } from "../../../services/notifications/smtp-error.ts";

function failure(code: string, responseCode?: number): Error {
  return Object.assign(new Error("as the test wants it"), responseCode ? { code, responseCode } : { code });
}

test.each(["EDNS", "ESOCKET", "ECONNECTION", "ETIMEDOUT", "ETLS", "EPROTOCOL", "EAUTH"])(
  "%s before the mail has begun means that the server is unreachable",
  (code) => {
    expect(smtpError(failure(code), false)).toBeInstanceOf(UnreachableError);
  },
);

test.each(["ESOCKET", "ECONNECTION", "ETIMEDOUT", "EPROTOCOL", "EABORT"])(
  "%s after the mail has begun means that its outcome is unknown",
  (code) => {
    expect(smtpError(failure(code), true)).toBeInstanceOf(UnknownOutcomeError);
  },
);

test.each([550, 552, 554])("a reply %i is permanent, after the mail too", (status) => {
  expect(smtpError(failure("EMESSAGE", status), true)).toBeInstanceOf(PermanentError);
  expect(smtpError(failure("EENVELOPE", status), false)).toMatchObject({ code: `smtp_${status}` });
});

test.each([450, 451, 452, 503])(
  "after a reply %i the mail may be sent again, for it was refused",
  (status) => {
    const error = smtpError(failure("EMESSAGE", status), true);
    expect(error).toBeInstanceOf(RetryableError);
    expect(error).toMatchObject({ effect: "none" });
  },
);

test("a server that is closing (421) holds the mail and costs no attempt", () => {
  expect(smtpError(failure("ECONNECTION", 421), true)).toBeInstanceOf(UnreachableError);
});

test("a refused login holds the mail, for the fault is ours and not the mail's", () => {
  expect(smtpError(failure("EAUTH", 535), false)).toBeInstanceOf(UnreachableError);
});

test("a mail that nodemailer itself refuses is permanent", () => {
  expect(smtpError(failure("EENVELOPE"), false)).toBeInstanceOf(PermanentError);
});

test("an error that is not about mail stays what it is", () => {
  const bug = new TypeError("undefined is not a function");
  expect(smtpError(bug, false)).toBe(bug);
});
