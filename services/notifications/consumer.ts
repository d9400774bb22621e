import type { Handler, Subscription } from "#shared/index.ts";
import type { Mailer } from "./mailer.ts";
import { type SendOtpParts, sendOtp } from "./send-otp.ts";
import { sendPaymentNotice } from "./send-payment-notice.ts";
import { subscriptions } from "./subscriptions.ts";

/** All that notifications runs and hears. */
export function notifications(parts: {
  readonly otp: SendOtpParts;
  /** Mails the notices. */
  readonly notices: Mailer;
}): readonly (Handler | Subscription)[] {
  return [sendOtp(parts.otp), sendPaymentNotice(parts.notices), ...subscriptions];
}
