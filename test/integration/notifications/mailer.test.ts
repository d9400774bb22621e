import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { PermanentError, RetryableError, UnknownOutcomeError, UnreachableError } from "#shared/index.ts";
import { type Mail, type Mailer, openMailer } from "../../../services/notifications/mailer.ts";
import { reply, startMailServer } from "./mail-server.ts";

const mail: Mail = {
  key: "0198a1e2-0000-7000-8000-000000000001.1",
  to: { name: "Alice Adams", address: "alice@example.test" },
  subject: "Grüße",
  text: "The first line\nand the second.\n",
};
const never = new AbortController().signal;

function mailerFor(url: string, patienceMs = 5_000): Mailer {
  const mailer = openMailer({ url, from: "Duly <no-reply@duly.test>", connections: 1, patienceMs });
  onTestFinished(() => mailer.close());
  return mailer;
}

/** A server that accepts connections and never says a word. */
async function startMute(): Promise<{ url: string; connected: Promise<unknown> }> {
  const server = createServer((socket) => onTestFinished(() => void socket.destroy())).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return {
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connected: once(server, "connection"),
  };
}

test("a mail arrives as it was written, under a Message-ID made from its key", async () => {
  const server = await startMailServer();
  const receipt = await mailerFor(server.url).send(mail, never);
  expect(server.taken).toHaveLength(1);
  expect(server.taken[0]).toMatchObject({
    from: { name: "Duly", address: "no-reply@duly.test" },
    to: [{ name: "Alice Adams", address: "alice@example.test" }],
    recipients: ["alice@example.test"],
    subject: "Grüße",
    text: "The first line\nand the second.\n",
    messageId: "<0198a1e2-0000-7000-8000-000000000001.1@duly.test>",
  });
  expect(receipt.messageId).toBe("<0198a1e2-0000-7000-8000-000000000001.1@duly.test>");
  const replies = server.taken[0]?.headers.find(({ key }) => key === "auto-submitted");
  expect(replies?.value).toBe("auto-generated");
});

test("a connection is used again, and replaced when the server has hung up on it", async () => {
  const server = await startMailServer();
  const mailer = mailerFor(server.url);
  await mailer.send(mail, never);
  await mailer.send(mail, never);
  expect(server.connections()).toBe(1);
  await server.hangUp();
  await mailer.send(mail, never);
  expect(server.connections()).toBe(2);
  expect(server.taken).toHaveLength(3);
});

test("an address that hides a second one reaches nobody else", async () => {
  const server = await startMailServer();
  const address = "alice@example.test, mallory@example.test";
  await mailerFor(server.url)
    .send({ ...mail, to: { name: "", address } }, never)
    .catch(() => undefined);
  expect(server.taken.flatMap(({ recipients }) => recipients)).not.toContain("mallory@example.test");
});

test("a refused connection is an unreachable server", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  const sending = mailerFor(`smtp://127.0.0.1:${port}`).send(mail, never);
  await expect(sending).rejects.toBeInstanceOf(UnreachableError);
});

test("a host name that does not exist is an unreachable server", async () => {
  const sending = mailerFor("smtp://mail.duly.invalid:25", 500).send(mail, never);
  await expect(sending).rejects.toBeInstanceOf(UnreachableError);
});

test("a server that never greets is unreachable once patience has ended", async () => {
  const mute = await startMute();
  await expect(mailerFor(mute.url, 100).send(mail, never)).rejects.toBeInstanceOf(UnreachableError);
});

test("a connection reset before the mail has begun is an unreachable server", async () => {
  const server = await startMailServer({ onRcptTo: () => server.reset() });
  await expect(mailerFor(server.url).send(mail, never)).rejects.toBeInstanceOf(UnreachableError);
});

test("a server that closes every session with 421 is unreachable", async () => {
  const server = await startMailServer({ onConnect: (_session, done) => done(reply(421)) });
  await expect(mailerFor(server.url).send(mail, never)).rejects.toBeInstanceOf(UnreachableError);
});

test("a refused login is an unreachable server, for the mail is not at fault", async () => {
  const server = await startMailServer({
    authOptional: false,
    allowInsecureAuth: true,
    onAuth: (_auth, _session, done) => done(reply(535)),
  });
  const sending = mailerFor(server.url.replace("//", "//duly:wrong@")).send(mail, never);
  await expect(sending).rejects.toBeInstanceOf(UnreachableError);
});

test.each([450, 451, 452])("a recipient refused for now (%i) may be tried again", async (status) => {
  const server = await startMailServer({ onRcptTo: (_address, _session, done) => done(reply(status)) });
  const sending = mailerFor(server.url).send(mail, never);
  await expect(sending).rejects.toMatchObject({ code: `smtp_${status}`, effect: "none" });
  await expect(sending).rejects.toBeInstanceOf(RetryableError);
});

test("a recipient who does not exist (550) is a permanent error", async () => {
  const server = await startMailServer({ onRcptTo: (_address, _session, done) => done(reply(550)) });
  const sending = mailerFor(server.url).send(mail, never);
  await expect(sending).rejects.toBeInstanceOf(PermanentError);
  await expect(sending).rejects.toMatchObject({ code: "smtp_550" });
});

test.each([
  [451, RetryableError],
  [554, PermanentError],
])("a mail refused with %i after it was read was certainly not taken", async (status, kind) => {
  const server = await startMailServer({
    onData: (stream, _session, done) => void text(stream).then(() => done(reply(status)), done),
  });
  const sending = mailerFor(server.url).send(mail, never);
  await expect(sending).rejects.toBeInstanceOf(kind);
});

test("a connection lost after the mail was read leaves its outcome unknown, and nothing is sent again", async () => {
  let read = 0;
  const server = await startMailServer({
    onData: (stream) => void text(stream).then(() => (read++, server.reset())),
  });
  await expect(mailerFor(server.url).send(mail, never)).rejects.toBeInstanceOf(UnknownOutcomeError);
  expect(read).toBe(1);
});

test("a server that falls silent after the mail leaves its outcome unknown", async () => {
  // Enough patience for all that comes before the mail, on a busy machine too.
  const server = await startMailServer({ onData: (stream) => void stream.resume() });
  await expect(mailerFor(server.url, 1_500).send(mail, never)).rejects.toBeInstanceOf(UnknownOutcomeError);
});

test("cancelling after the mail has left ends the wait at once, its outcome unknown", async () => {
  const stop = new AbortController();
  const server = await startMailServer({ onData: (stream) => void text(stream).then(() => stop.abort()) });
  await expect(mailerFor(server.url).send(mail, stop.signal)).rejects.toBeInstanceOf(UnknownOutcomeError);
});

test("cancelling before the mail has begun certainly had no effect", async () => {
  const stop = new AbortController();
  const mute = await startMute();
  const sending = mailerFor(mute.url).send(mail, stop.signal);
  mute.connected.then(() => stop.abort()).catch(() => stop.abort());
  await expect(sending).rejects.toMatchObject({ code: "mail_cancelled", effect: "none" });
});

test("cancelling a mail that waits for a connection leaves the one before it alone", async () => {
  const stop = new AbortController();
  let finish: () => void = () => undefined;
  const server = await startMailServer({
    onData: (stream, _session, done) => {
      finish = done;
      void text(stream).then(() => stop.abort(), done);
    },
  });
  const mailer = mailerFor(server.url);
  const first = mailer.send(mail, never);
  await expect(mailer.send(mail, stop.signal)).rejects.toMatchObject({ effect: "none" });
  finish();
  await expect(first).resolves.toHaveProperty("messageId");
});
