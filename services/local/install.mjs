import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { tryLock } from "./process-lock.mjs";

/**
 * Installs the dependencies unless they already are what package-lock.json asks for.
 *
 * Two processes at once never install into each other: the second one waits for the first.
 */
export async function install(root) {
  if (isInstalled(root)) return;
  const release = await lock(root);
  try {
    if (isInstalled(root)) return;
    await runNpm(root);
    writeFileSync(markerOf(root), wanted(root));
  } finally {
    release();
  }
}

const markerOf = (root) => join(root, "node_modules", ".duly-installed");

/** What must be installed: the lock file's content for this kind of machine. */
function wanted(root) {
  const lockFile = readFileSync(join(root, "package-lock.json"));
  return createHash("sha256").update(lockFile).update(`${process.platform}-${process.arch}`).digest("hex");
}

function isInstalled(root) {
  try {
    statSync(join(root, "node_modules", ".bin", "node"));
    return readFileSync(markerOf(root), "utf8") === wanted(root) || isInstalledByHand(root);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    return isInstalledByHand(root);
  }
}

/**
 * Whether somebody ran `npm ci` without us: npm's own list of what lies in node_modules holds every package of the lock
 * file. One that is optional may be missing, for it may be for another kind of machine.
 */
function isInstalledByHand(root) {
  try {
    statSync(join(root, "node_modules", ".bin", "node"));
    const { packages: there } = readJson(join(root, "node_modules", ".package-lock.json"));
    const { packages: asked } = readJson(join(root, "package-lock.json"));
    return Object.entries(asked).every(
      ([path, { version, optional }]) =>
        path === "" || (there[path] === undefined ? optional === true : there[path].version === version),
    );
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    return false;
  }
}

function readJson(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}

async function lock(root) {
  for (let told = false; ; told = true) {
    const { release, holder } = tryLock(join(root, ".duly", "installing"));
    if (release !== undefined) return release;
    if (!told)
      process.stdout.write(
        `Another Duly (process ${holder}) is installing the dependencies; waiting for it.\n`,
      );
    await sleep(500);
  }
}

/** Runs `npm ci` with the machine's own Node, since npm takes the one in node_modules away while it works. */
async function runNpm(root) {
  const own = join(root, "node_modules", ".bin");
  const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== own);
  const started = Date.now();
  const took = () => `${Math.round((Date.now() - started) / 1000)} s`;
  const say = (text) => process.stdout.write(process.stdout.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
  say("Installing the dependencies (npm ci), once …");
  const ticking = setInterval(
    () => say(`Installing the dependencies (npm ci) … ${took()}`),
    process.stdout.isTTY ? 1000 : 10_000,
  );
  let output = "";
  const code = await new Promise((resolve, reject) => {
    const npm = spawn("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
      cwd: root,
      env: { ...process.env, PATH: path.join(delimiter) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    npm.stdout.on("data", (chunk) => (output += chunk));
    npm.stderr.on("data", (chunk) => (output += chunk));
    process.once("SIGTERM", () => {
      npm.kill();
      process.exit(143);
    });
    npm.on("error", () =>
      reject(new Error("npm is not on the PATH, so nothing can be installed. It comes with Node.")),
    );
    npm.on("close", resolve);
  }).finally(() => clearInterval(ticking));
  if (code !== 0) {
    const last = output.trim().split("\n").slice(-12).join("\n  ");
    throw new Error(
      `The dependencies could not be installed. npm ci says:\n\n  ${last}\n\nMend that and start again.`,
    );
  }
  say(`Installed the dependencies in ${took()}.`);
  if (process.stdout.isTTY) process.stdout.write("\n");
}
