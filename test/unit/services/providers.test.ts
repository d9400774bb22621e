import { expect, test } from "vitest";
import type { Handler } from "#shared/index.ts";
import { sendMessage } from "../../../services/messages/send-message.ts";
import { sendOtp } from "../../../services/notifications/send-otp.ts";
import { sendPaymentNotice } from "../../../services/notifications/send-payment-notice.ts";
import { chargeCard } from "../../../services/payments/charge-card.ts";
import { executePayment } from "../../../services/payments/execute-payment.ts";

// What they would call is not called here.
const nobody = undefined as never;

test.each<[string, Pick<Handler, "uses">]>([
  ["cards", chargeCard(nobody)],
  ["chain", executePayment(() => nobody)],
  ["chat", sendMessage(nobody)],
  ["smtp", sendOtp({ mailer: nobody, cipher: nobody })],
  ["smtp", sendPaymentNotice(nobody)],
])("what calls %s stands behind its breaker", (name, { uses }) => {
  expect(uses).toMatchObject([{ name, breaker: { errorPercentage: 50 } }]);
});
