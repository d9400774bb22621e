import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { createTransport } from "nodemailer";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Mail } from "../../../services/local/outside/mailbox/mailbox.ts";
import { eventually } from "../../support/eventually.ts";
import { type OutsideProcess, startOutside, temporaryFolder } from "./outside-process.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let mailbox: OutsideProcess;

const start = () =>
  startOutside("mailbox", { SMTP_PORT: "0", HTTP_PORT: "0", DATA_FILE: join(folder.path, "mails.jsonl") });
const http = (path: string, init?: RequestInit) =>
  fetch(`http://127.0.0.1:${mailbox.ready["httpPort"]}${path}`, init);
const order = async (fault: object) => {
  const answer = await http("/faults", { method: "POST", body: JSON.stringify(fault) });
  expect(answer.status).toBe(201);
};
const mails = async (query = "") =>
  (await (await http(`/mails${query}`)).json()) as { total: number; mails: Mail[] };
const count = async () => (await http("/mails/count")).json();
const send = (mail: object, socketTimeout = 10_000) =>
  createTransport({ host: "127.0.0.1", port: Number(mailbox.ready["smtpPort"]), socketTimeout }).sendMail({
    from: "duly@example.test",
    to: "alice@example.test",
    subject: "Your code",
    text: "123 456",
    ...mail,
  });

beforeEach(async () => {
  folder = await temporaryFolder();
  mailbox = await start();
});
afterEach(async () => {
  await mailbox.end();
  await folder.remove();
});

describe("the mailbox", () => {
  it("keeps a mail with its recipients, subject, text and HTML for reading", async () => {
    await send({
      to: ["Alice@example.test", "bob@example.test"],
      html: "<p>123 456</p>",
      messageId: "<one@duly>",
    });
    const { total, mails: found } = await mails("?to=alice@EXAMPLE.test&subject=CODE");
    expect(total).toBe(1);
    expect(found[0]).toMatchObject({
      messageId: "<one@duly>",
      duplicate: false,
      from: "duly@example.test",
      to: ["Alice@example.test", "bob@example.test"],
      subject: "Your code",
      html: expect.stringContaining("<p>123 456</p>") as string,
      text: expect.stringContaining("123 456") as string,
    });
    expect(await mails("?to=carol@example.test")).toEqual({ total: 0, mails: [] });
    expect(await mails("?to=alice@example")).toEqual({ total: 0, mails: [] });
  });

  it("keeps a mail with the same Message-ID again, marks it and counts it", async () => {
    for (const subject of ["first", "second", "third"]) await send({ subject, messageId: "<same@duly>" });
    await send({ subject: "other", messageId: "<other@duly>" });
    expect(await count()).toEqual({ total: 4, duplicates: 2 });
    const { mails: found } = await mails();
    expect(found.map(({ subject, duplicate }) => [subject, duplicate])).toEqual([
      ["other", false],
      ["third", true],
      ["second", true],
      ["first", false],
    ]);
  });

  it("reads a page of mails, the newest first", async () => {
    for (const subject of ["a", "b", "c", "d"]) await send({ subject });
    const page = await mails("?limit=2&offset=1");
    expect(page.total).toBe(4);
    expect(page.mails.map(({ subject }) => subject)).toEqual(["c", "b"]);
    expect((await http("/mails?limit=0")).status).toBe(400);
    expect((await http("/mails?limit=1001")).status).toBe(400);
  });

  it("keeps what it acknowledged when it is killed, and drops a line that was cut off", async () => {
    await send({ messageId: "<kept@duly>" });
    await mailbox.end("SIGKILL");
    await appendFile(join(folder.path, "mails.jsonl"), '{"id":"cut of');
    mailbox = await start();
    expect(await count()).toEqual({ total: 1, duplicates: 0 });
    await send({ messageId: "<kept@duly>" });
    await mailbox.end();
    mailbox = await start();
    expect(await count()).toEqual({ total: 2, duplicates: 1 });
  });

  it("forgets all mails on DELETE, also after a restart", async () => {
    await send({ messageId: "<gone@duly>" });
    expect(await (await http("/mails", { method: "DELETE" })).json()).toEqual({ total: 0, duplicates: 0 });
    await mailbox.end();
    mailbox = await start();
    await send({ messageId: "<gone@duly>" });
    expect(await count()).toEqual({ total: 1, duplicates: 0 });
  });

  it("shows people the list and a mail, with what others wrote made harmless", async () => {
    await send({ subject: "<script>alert(1)</script>", text: "Hello & <b>bye</b>" });
    const list = await http("/");
    expect(list.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(list.headers.get("content-security-policy")).toContain("default-src 'none'");
    const page = await list.text();
    expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(page).not.toContain("<script>");
    const link = /href="(\/mail\/[^"]+)"/.exec(page)?.[1] ?? "";
    expect(await (await http(link)).text()).toContain("Hello &amp; &lt;b&gt;bye&lt;/b&gt;");
    expect((await http("/mail/unknown")).status).toBe(404);
  });

  it("ends with code 0 on SIGTERM, also while an answer is withheld", async () => {
    await order({ kind: "timeout-after-effect" });
    const asked = send({}).then(
      () => "answered",
      () => "cut off",
    );
    await eventually("the mail to be kept", async () => (await mails()).total === 1);
    expect(await mailbox.end()).toBe(0);
    expect(await asked).toBe("cut off");
  });

  it("says in one sentence that its port is in use", async () => {
    const taken = {
      SMTP_PORT: "0",
      HTTP_PORT: String(mailbox.ready["httpPort"]),
      DATA_FILE: join(folder.path, "b"),
    };
    await expect(startOutside("mailbox", taken)).rejects.toThrow(
      /ended with 1[^]*Port \d+ on 127.0.0.1 is in use/,
    );
  });
});

describe("the mailbox's faults", () => {
  it("refuses one recipient for now (450) or for ever (550), as often as ordered", async () => {
    await order({ kind: "450", count: 2, to: "alice@example.test" });
    await order({ kind: "550", to: "Bob@example.test" });
    await expect(send({})).rejects.toMatchObject({ responseCode: 450 });
    await expect(send({ to: "bob@example.test" })).rejects.toMatchObject({ responseCode: 550 });
    await send({ to: "carol@example.test" });
    await expect(send({})).rejects.toMatchObject({ responseCode: 450 });
    await send({});
    await send({ to: "bob@example.test" });
    expect(await count()).toEqual({ total: 3, duplicates: 0 });
  });

  it("refuses connections", async () => {
    await order({ kind: "refuse" });
    await expect(send({})).rejects.toMatchObject({ responseCode: 421 });
    await send({});
    expect(await count()).toEqual({ total: 1, duplicates: 0 });
  });

  it("refuses one in so many connections", async () => {
    await order({ kind: "refuse", every: 2 });
    await send({});
    await expect(send({})).rejects.toMatchObject({ responseCode: 421 });
    await send({});
  });

  it("takes a mail slowly", async () => {
    await order({ kind: "slow", delayMs: 400 });
    const started = performance.now();
    await send({});
    expect(performance.now() - started).toBeGreaterThan(390);
    expect(await count()).toEqual({ total: 1, duplicates: 0 });
  });

  it("keeps a mail and never answers", async () => {
    await order({ kind: "timeout-after-effect", to: "alice@example.test" });
    await expect(send({}, 1_500)).rejects.toMatchObject({ code: "ETIMEDOUT" });
    expect(await count()).toEqual({ total: 1, duplicates: 0 });
  });

  it("keeps a mail and cuts the connection when told how long to hold it", async () => {
    await order({ kind: "timeout-after-effect", delayMs: 20 });
    await expect(send({})).rejects.toThrow();
    expect(await count()).toEqual({ total: 1, duplicates: 0 });
  });

  it("refuses an order that it does not understand, and forgets orders on DELETE", async () => {
    for (const body of [
      "nonsense",
      '{"kind":"explode"}',
      '{"kind":"450","count":0}',
      '{"kind":"refuse","to":"a@b"}',
    ]) {
      expect((await http("/faults", { method: "POST", body })).status).toBe(400);
    }
    await order({ kind: "550", count: 9 });
    await http("/faults", { method: "DELETE" });
    await send({});
    expect(await count()).toEqual({ total: 1, duplicates: 0 });
  });
});
