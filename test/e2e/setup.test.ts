import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findFreePortRow } from "../support/free-port-row.ts";
import { runFile } from "../support/run-file.ts";
import { runFolder } from "../support/service-process.ts";

const folder = join(runFolder, `setup-${randomUUID().slice(0, 8)}`);
const place = (name: string) => join(folder, name);
const NOWHERE = "127.0.0.1:1";
const taken = createServer();
let first = 0;

beforeAll(async () => {
  for (const name of ["damaged", "old"]) {
    mkdirSync(place(name), { recursive: true });
    writeFileSync(place(`${name}/secrets.json`), '{"half');
  }
  writeFileSync(place("file"), "");
  const row = await findFreePortRow();
  first = row.first;
  await new Promise<void>((resolve) => taken.listen(row.ports.chat, "127.0.0.1", resolve));
});
afterAll(() => {
  taken.close();
  rmSync(folder, { recursive: true, force: true });
});

// What is wrong is found before anything is started, so that nothing is left behind.
test.each<[string, () => Record<string, string>, RegExp]>([
  [
    "a port that another program has",
    () => ({ DULY_DIR: place("ports"), DULY_PORTS_FROM: String(first) }),
    /Another program already listens on:\n {2}127\.0\.0\.1:\d+, needed for the local chat service\nEnd it, or move all/,
  ],
  [
    "a row of ports that is no number",
    () => ({ DULY_DIR: place("words"), DULY_PORTS_FROM: "many" }),
    /DULY_PORTS_FROM must be a number from 1024 to \d+, not "many"/,
  ],
  [
    "damaged credentials",
    () => ({ DULY_DIR: place("damaged") }),
    /secrets\.json is damaged\. Start anew with: npm start -- --fresh/,
  ],
  [
    "a folder that cannot be made",
    () => ({ DULY_DIR: place("file/data") }),
    /Duly cannot keep its data in .*\nGive it another folder: DULY_DIR=folder npm start/,
  ],
  [
    "a database that does not answer",
    () => ({ DULY_DIR: place("database"), DATABASE_URL: `postgres://me:secret@${NOWHERE}/duly` }),
    /DATABASE_URL names 127\.0\.0\.1:1, where nothing answers: .*\nStart that server, correct DATABASE_URL, or leave it out/,
  ],
  [
    "an address of another kind",
    () => ({ DULY_DIR: place("kind"), AMQP_URL: "https://me:secret@localhost" }),
    /AMQP_URL has to look like amqp:\/\/user:password@host:5672\/vhost/,
  ],
  [
    "a way to get servers that is not known",
    () => ({ DULY_DIR: place("way"), DULY_SERVERS: "podman" }),
    /DULY_SERVERS can only be "embedded", .* not "podman"/,
  ],
])("npm start says in words what to do about %s, and ends", async (_, env, words) => {
  const { code, out, err } = await runFile("services/local/main.ts", ["--no-demo"], {
    HOME: process.env["HOME"] ?? "",
    ...env(),
  });
  expect(code).toBe(1);
  expect(out + err).toMatch(words);
  expect(out + err).not.toMatch(/^ {4}at /m);
  expect(out + err).not.toContain("secret@");
});

test("--fresh begins with new credentials, whatever became of the old ones", async () => {
  const { out, err } = await runFile("services/local/main.ts", ["--fresh", "--no-demo"], {
    HOME: process.env["HOME"] ?? "",
    DULY_DIR: place("old"),
    DATABASE_URL: `postgres://me:secret@${NOWHERE}/duly`,
  });
  expect(out + err).toMatch(/DATABASE_URL names/);
  expect(JSON.parse(readFileSync(place("old/secrets.json"), "utf8"))).toBeTypeOf("object");
});
