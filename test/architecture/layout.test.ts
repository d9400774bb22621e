import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { root, serviceNames } from "../support/repository.ts";

const LONGEST = 300;
const MEDIAN = 80;
const DRAWERS = /^(utils?|helpers?|common|types?|libs?|interfaces?|misc)(\.|$)/;

/** Programs for a person at a terminal: no configuration by environment, no place in docker-compose.yml. */
const forPeople = ["cli", "local"];
const services = serviceNames().filter((name) => !forPeople.includes(name));
const consumers = services.filter((name) => existsSync(join(root, "shared", "contracts", `${name}.ts`)));

const sources = ["services", "shared", "migrations"].flatMap(filesBelow);
const tests = filesBelow("test");

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[cm]?[jt]s$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
}

function linesOf(file: string): number {
  return readFileSync(join(root, file), "utf8").trimEnd().split("\n").length;
}

describe("the layout", () => {
  it("has every service that the design names", () => {
    const engine = ["dead-letters", "relay", "scheduler"];
    const domain = ["messages", "notifications", "payments", "reports"];
    expect(serviceNames()).toEqual(expect.arrayContaining([...engine, ...domain, ...forPeople]));
    expect(consumers).toEqual(domain);
  });

  it.each(services)("%s has main.ts and config.ts", (name) => {
    expect(readdirSync(join(root, "services", name))).toEqual(
      expect.arrayContaining(["config.ts", "main.ts"]),
    );
  });

  it.each(consumers)("%s, which has contracts, has consumer.ts", (name) => {
    expect(readdirSync(join(root, "services", name))).toContain("consumer.ts");
  });

  it.each(serviceNames())("%s has a row in a table of the README", (name) => {
    const rows = readFileSync(join(root, "README.md"), "utf8")
      .split("\n")
      .filter((line) => line.startsWith("|"));
    expect(rows.filter((row) => row.includes(`services/${name}`) || row.includes(`\`${name}\``))).not.toEqual(
      [],
    );
  });

  it("has no drawer: a file or folder named after nothing that is in it", () => {
    const parts = [...sources, ...tests].flatMap((file) => file.split("/").map((part) => ({ file, part })));
    expect(parts.filter(({ part }) => DRAWERS.test(part)).map(({ file }) => file)).toEqual([]);
  });

  it(`has no file of more than ${LONGEST} lines`, () => {
    expect([...sources, ...tests].filter((file) => linesOf(file) > LONGEST)).toEqual([]);
  });

  it(`has a median of at most ${MEDIAN} lines, tests aside`, () => {
    const lengths = sources.map(linesOf).toSorted((a, b) => a - b);
    expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThanOrEqual(MEDIAN);
  });

  it("names tests so that a project of vitest.config.ts picks them up", () => {
    const places = /^test\/(unit|integration|e2e|architecture)\/.+\.test\.ts$/;
    const looksLikeTest = tests.filter((file) => /\.(test|spec)\.[cm]?[jt]s$/.test(basename(file)));
    expect(looksLikeTest.filter((file) => !places.test(file))).toEqual([]);
  });
});
