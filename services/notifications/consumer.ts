import type { Handler, Subscription } from "#shared/index.ts";
import { type SendOtpParts, sendOtp } from "./send-otp.ts";
import { type SendPaymentNoticeParts, sendPaymentNotice } from "./send-payment-notice.ts";
import { subscriptions } from "./subscriptions.ts";

/** All that notifications runs and hears. */
export function notifications(parts: {
  readonly otp: SendOtpParts;
  readonly notice: SendPaymentNoticeParts;
}): readonly (Handler | Subscription)[] {
  return [sendOtp(parts.otp), sendPaymentNotice(parts.notice), ...subscriptions];
}
