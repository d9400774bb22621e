/**
 * The first step of `npm start`, `npm test`, `npm run duly` and `npm run faults`, on whatever Node the machine has:
 * installs the dependencies where needed and goes on under the Node 24 among them. It imports nothing but Node's own
 * modules.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { install } from "./install.mjs";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const programs = {
  stack: "services/local/main.ts",
  test: "node_modules/vitest/vitest.mjs",
  duly: "services/cli/main.ts",
  faults: "test/faults/main.ts",
};

function fail(message) {
  process.stderr.write(`\n${message}\n`);
  process.exit(1);
}

const [name = "stack", ...args] = process.argv.slice(2);
const program = programs[name];
if (program === undefined) fail(`start.mjs knows ${Object.keys(programs).join(", ")}, not "${name}".`);
if (Number.parseInt(process.versions.node, 10) < 20) {
  fail(
    `Duly needs Node 20 or newer to begin; this is ${process.version}. Install one from your system or nodejs.org.`,
  );
}

// npm takes an option that stands before "--" for its own and only leaves this trace of it.
const swallowed = ["once", "fresh", "demo"].find(
  (option) => process.env[`npm_config_${option}`] !== undefined,
);
if (name === "stack" && swallowed !== undefined) {
  const option = swallowed === "demo" ? "--no-demo" : `--${swallowed}`;
  fail(`npm keeps options to itself unless "--" goes before them. Run: npm start -- ${option}`);
}

try {
  await install(root);
} catch (error) {
  fail(process.env.DULY_DEBUG === "1" ? error.stack : error.message);
}
if (!existsSync(join(root, program)))
  fail(`${program} is missing: this clone of Duly is not whole. Run: git status`);

// The channel tells the stack when this process is killed, so that it drains instead of running on unseen.
const child = spawn(
  join(root, "node_modules", ".bin", "node"),
  [join(root, program), ...(name === "test" ? ["run"] : []), ...args],
  {
    cwd: name === "duly" ? process.cwd() : root,
    // Every service and command is a process of its own: compiled once, each starts in half the time.
    env: { NODE_COMPILE_CACHE: join(root, "node_modules", ".cache", "node"), ...process.env },
    stdio: name === "stack" ? ["inherit", "inherit", "inherit", "ipc"] : "inherit",
  },
);
child.on("error", (error) =>
  fail(`Node 24 cannot be started: ${error.message}. Run: rm -r node_modules && npm ci`),
);
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code ?? 1);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
if (name === "stack" && process.env.npm_lifecycle_event !== undefined) {
  // npm may be gone without a word to its script: what it started ends with it.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    child.kill("SIGTERM");
  }, 500);
}
for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"]) {
  process.on(signal, () => {
    // Ctrl-C in a terminal reaches the child by itself: passed on, it would count as a second one.
    if (signal === "SIGINT" && process.stdin.isTTY) return;
    child.kill(signal);
  });
}
