import { randomBytes, randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { PermanentError } from "#shared/index.ts";
import { otpCipher } from "../../../services/notifications/otp-cipher.ts";

const cipher = otpCipher(randomBytes(32));
const challenge = randomUUID();

test("a sealed code opens to the code that it was", () => {
  expect(cipher.open(cipher.seal("042137", challenge), challenge)).toBe("042137");
});

test("what is stored holds no code, and the same code is never stored alike", () => {
  const first = cipher.seal("042137", challenge);
  expect(first.includes("042137")).toBe(false);
  expect(cipher.seal("042137", challenge).equals(first)).toBe(false);
});

test("a code copied to another challenge's row is refused", () => {
  const sealed = cipher.seal("042137", challenge);
  expect(() => cipher.open(sealed, randomUUID())).toThrow(
    expect.objectContaining({ code: "otp_unreadable" }),
  );
});

test("a code under another key is refused for good, and the error does not hold it", () => {
  const sealed = otpCipher(randomBytes(32)).seal("042137", challenge);
  expect(() => cipher.open(sealed, challenge)).toThrow(PermanentError);
  expect(() => cipher.open(sealed, challenge)).not.toThrow(/042137/);
});

test.each([0, 12, 28])("a changed byte at %i is refused", (place) => {
  const sealed = cipher.seal("042137", challenge);
  sealed.writeUInt8(sealed.readUInt8(place) ^ 1, place);
  expect(() => cipher.open(sealed, challenge)).toThrow(PermanentError);
});

test("bytes too few to be a code are refused", () => {
  expect(() => cipher.open(Buffer.alloc(5), challenge)).toThrow(PermanentError);
});
