import { PRIORITY_DEFAULTS, runService } from "#shared/index.ts";
import { NotificationsConfig } from "./config.ts";
import { notifications } from "./consumer.ts";
import { openMailer } from "./mailer.ts";
import { otpCipher } from "./otp-cipher.ts";

await runService("notifications", NotificationsConfig, async ({ config, consume, onStop }) => {
  const open = (connections: number) =>
    openMailer({ url: config.SMTP_URL, from: config.MAIL_FROM, connections });
  // A mailer for each priority, with a connection for each worker: no code ever waits behind a notice.
  const codes = open(config.WORKERS_CRITICAL ?? PRIORITY_DEFAULTS.critical.workers);
  const notices = open(config.WORKERS_HIGH ?? PRIORITY_DEFAULTS.high.workers);
  onStop(async () => [codes, notices].forEach((mailer) => mailer.close()));

  consume(notifications({ otp: { mailer: codes, cipher: otpCipher(config.OTP_KEY) }, notices }));
});
