/** Words the mail that brings a one-time code; the subject, which mailboxes show to bystanders, does not hold it. */
export function otpMail(code: string, expiresAt: Date): { subject: string; text: string } {
  return {
    subject: "Your one-time code",
    text: [
      `Your one-time code is ${code}`,
      "",
      `It can be used until ${expiresAt.toISOString()}.`,
      "If you did not ask for it, ignore this mail; nobody can use the code without your mailbox.",
      "",
    ].join("\n"),
  };
}
