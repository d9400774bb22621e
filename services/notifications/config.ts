import { z } from "zod";
import { ConsumerConfig, ServiceConfig } from "#shared/index.ts";

const otpKey = z
  .base64()
  .transform((text) => Buffer.from(text, "base64"))
  .refine((key) => key.length === 32, "must be 32 bytes")
  .describe("key of stored one-time codes, 32 bytes as base64: openssl rand -base64 32");

/** The settings of the notifications service. */
export const NotificationsConfig = z.object({
  ...ConsumerConfig.shape,
  SMTP_URL: z.url({ protocol: /^smtps?$/ }).describe("smtp://user:password@host:port, or smtps://"),
  MAIL_FROM: z
    .string()
    .regex(/^([^<>\r\n]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/, "must be one mail address")
    .describe("sender of all mail: Duly <no-reply@example.com>"),
  OTP_KEY: otpKey,
});

/** The settings of commands that make one-time codes. */
export const OtpConfig = z.object({ ...ServiceConfig.shape, OTP_KEY: otpKey });
