import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { PermanentError } from "#shared/index.ts";

const ALGORITHM = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts one-time codes for the table and decrypts them for the mail. */
export interface OtpCipher {
  /** Encrypts a code for its challenge alone; no two results are alike. */
  readonly seal: (code: string, challengeId: string) => Buffer;
  /** @throws {PermanentError} `otp_unreadable`, when key, challenge or bytes are not those of `seal`. */
  readonly open: (sealed: Buffer, challengeId: string) => string;
}

/**
 * AES-256-GCM with a random nonce per code (NIST SP 800-38D §8.2.2) and the challenge's id as additional data, so that
 * a code copied to another challenge's row is refused. Stored as nonce, tag, ciphertext.
 */
export function otpCipher(key: Buffer): OtpCipher {
  return {
    seal: (code, challengeId) => {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES }).setAAD(
        Buffer.from(challengeId),
      );
      const ciphertext = Buffer.concat([cipher.update(code, "utf8"), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]);
    },
    open: (sealed, challengeId) => {
      try {
        const nonce = sealed.subarray(0, NONCE_BYTES);
        const tag = sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
        const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
          .setAAD(Buffer.from(challengeId))
          .setAuthTag(tag);
        const ciphertext = sealed.subarray(NONCE_BYTES + TAG_BYTES);
        return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString("utf8");
      } catch (cause) {
        const message = `the code of challenge ${challengeId} cannot be read: was it stored under another OTP_KEY?`;
        throw new PermanentError("otp_unreadable", message, { cause });
      }
    },
  };
}
