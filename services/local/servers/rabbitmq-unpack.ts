import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { tryLock } from "../process-lock.mjs";
import type { OnProgress } from "../progress.ts";
import { unpackPackages } from "./debian-packages.ts";
import { type RabbitInstallation, rabbitUnpackedIn } from "./rabbitmq-find.ts";
import { relocateErlang } from "./relocate-erlang.ts";

/** Where things that every clone shares are kept. */
function cacheFolder(): string {
  const base = process.env["XDG_CACHE_HOME"];
  return join(base === undefined || base === "" ? join(homedir(), ".cache") : base, "duly");
}

/**
 * Gets RabbitMQ and Erlang out of the packages of this Debian or Ubuntu into the user's cache folder.
 *
 * Nothing is installed and no root is needed: package lists of our own, plain downloads, unpacked files. A killed
 * attempt is never taken for a whole one, and a second one at once waits for the first.
 */
export async function unpackRabbit(onProgress: OnProgress): Promise<RabbitInstallation> {
  const cache = cacheFolder();
  mkdirSync(cache, { recursive: true });
  const release = await lock(join(cache, "unpacking.lock"), onProgress);
  const work = join(cache, "unpacking");
  try {
    return findUnpackedRabbit() ?? (await unpackInto(cache, work, onProgress));
  } finally {
    rmSync(work, { recursive: true, force: true });
    release();
  }
}

/** The RabbitMQ that an earlier run unpacked for this very system. */
export function findUnpackedRabbit(): RabbitInstallation | undefined {
  const cache = cacheFolder();
  if (!existsSync(cache)) return undefined;
  const name = readdirSync(cache).find(
    (entry) => entry.startsWith("rabbitmq-") && entry.endsWith(systemName()),
  );
  return name === undefined ? undefined : rabbitUnpackedIn(join(cache, name));
}

async function lock(path: string, onProgress: OnProgress): Promise<() => void> {
  for (let told = false; ; told = true) {
    const { release, holder } = tryLock(path);
    if (release !== undefined) return release;
    if (!told) onProgress(`waiting for process ${holder}, which is unpacking RabbitMQ`);
    await sleep(200);
  }
}

async function unpackInto(cache: string, work: string, onProgress: OnProgress): Promise<RabbitInstallation> {
  rmSync(work, { recursive: true, force: true });
  const root = join(work, "root");
  const version = await unpackPackages(work, root, onProgress);
  const folder = join(cache, `rabbitmq-${version.replaceAll(":", "_")}-${systemName()}`);
  relocateErlang(root, folder);
  renameSync(root, folder);
  return rabbitUnpackedIn(folder);
}

/** Packages fit one release of one distribution on one kind of processor. */
function systemName(): string {
  const text = readFileSync("/etc/os-release", "utf8");
  const field = (name: string) => new RegExp(`^${name}="?([^"\\n]*)`, "m").exec(text)?.[1] ?? "";
  return `${field("ID")}${field("VERSION_ID")}-${process.arch}`;
}
