import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Takes the lock file at `path` for this process, also from a process that is no more.
 *
 * Returns { release } or, while another living process has it, { holder: its process id }.
 */
export function tryLock(path) {
  const mine = `${path}.${process.pid}`;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(mine, identityOf(process.pid));
  try {
    for (;;) {
      if (link(mine, path)) return { release: () => rmSync(path, { force: true }) };
      const text = read(path);
      const pid = Number.parseInt(text, 10);
      if (text !== "" && identityOf(pid) === text) return { holder: pid };
      if (text !== "") removeStale(path, text, `${mine}.stale`);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** The process id and when it began, since ids are used again; empty when there is no such process. */
function identityOf(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== "EPERM") return "";
  }
  // The fields after the program's name, which may itself hold spaces and brackets; the 22nd of all is the start.
  const fields = read(`/proc/${pid}/stat`).split(") ").at(-1).split(" ");
  return `${pid} ${fields[19] ?? ""}`.trim();
}

/** Another process may have taken the lock since it was read: what is moved away must be what was read. */
function removeStale(path, text, aside) {
  try {
    renameSync(path, aside);
  } catch (error) {
    if (error.code === "ENOENT") return;
    throw error;
  }
  if (read(aside) !== text) link(aside, path);
  rmSync(aside);
}

function link(from, to) {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ESRCH") return "";
    throw error;
  }
}
