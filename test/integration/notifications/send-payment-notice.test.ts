import { randomUUID } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { SendPaymentNotice } from "#shared/contracts/notifications.ts";
import { openMailer } from "../../../services/notifications/mailer.ts";
import { seedContacts } from "../../../services/notifications/seed-contacts.ts";
import { sendPaymentNotice } from "../../../services/notifications/send-payment-notice.ts";
import type { NotificationsTables } from "../../../services/notifications/tables.ts";
import { runHandler } from "../../support/run-handler.ts";
import { serviceDatabase } from "../../support/service-database.ts";
import { startMailServer } from "./mail-server.ts";

const { db } = await serviceDatabase("notifications", [SendPaymentNotice]);

const alice = { id: "alice", name: "Alice Adams", email: "alice@example.test" };
const payment = {
  outcome: "failed" as const,
  paymentId: randomUUID(),
  reference: "INV-7",
  payer: "alice",
  recipient: "0xdead",
  amount: "12.50",
  currency: "DUSD",
  reason: "the token refuses this recipient",
};

async function start() {
  const server = await startMailServer();
  const mailer = openMailer({ url: server.url, from: "no-reply@duly.test", connections: 2 });
  onTestFinished(() => mailer.close());
  return { server, handler: sendPaymentNotice(mailer) };
}

test("the payer is told by mail what became of the payment", async () => {
  await seedContacts(db, [alice]);
  const { server, handler } = await start();
  await runHandler(db, handler, payment);
  expect(server.taken).toHaveLength(1);
  expect(server.taken[0]).toMatchObject({
    to: [{ name: "Alice Adams", address: "alice@example.test" }],
    subject: "Payment INV-7 failed",
    text: expect.stringContaining("the token refuses this recipient") as unknown,
  });
});

test("a payer nobody knows is a permanent error, and nothing is mailed", async () => {
  const { server, handler } = await start();
  await expect(runHandler(db, handler, { ...payment, payer: "nobody" })).rejects.toMatchObject({
    name: "PermanentError",
    code: "contact_unknown",
  });
  expect(server.connections()).toBe(0);
});

test("seeding twice changes nothing, and seeding a changed address changes it", async () => {
  await seedContacts(db, [alice]);
  await seedContacts(db, [alice]);
  await seedContacts(db, [{ ...alice, email: "alice@new.example.test" }]);
  const contacts = await db
    .$extendTables<NotificationsTables>()
    .selectFrom("notifications.contacts")
    .selectAll()
    .where("user_id", "=", "alice")
    .execute();
  expect(contacts).toEqual([{ user_id: "alice", name: "Alice Adams", email: "alice@new.example.test" }]);
});

test("a list with an address that is none is refused as a whole", async () => {
  const list = [
    { ...alice, id: "dora" },
    { id: "eve", name: "Eve", email: "nowhere" },
  ];
  await expect(seedContacts(db, list)).rejects.toThrow(/email/i);
  const contacts = await db
    .$extendTables<NotificationsTables>()
    .selectFrom("notifications.contacts")
    .select("user_id")
    .where("user_id", "in", ["dora", "eve"])
    .execute();
  expect(contacts).toEqual([]);
});
