import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { runCommand } from "../processes/run-command.ts";
import { isErrno, SetupError } from "../setup-error.ts";

/** Who PostgreSQL runs as: undefined is the user who runs Duly. */
export interface PostgresUser {
  readonly uid: number;
  readonly gid: number;
  /** Puts this before a command line to run it as this user. */
  readonly prefix: readonly string[];
}

// Linux' numbers of the capabilities that let a process pass folders closed to its user; reading suffices.
const CAPABILITIES = [
  [2, "dac_read_search"],
  [1, "dac_override"],
] as const;

/**
 * Chooses who PostgreSQL runs as, since it refuses to run as root.
 *
 * As root it is the owner of existing data, else `nobody`, so that no user is added to the machine. Where that user
 * may not pass a folder on the way to `paths` (a clone under /root), PostgreSQL keeps the one capability to do so:
 * the data stays inside the clone.
 */
export async function choosePostgresUser(
  dataDir: string,
  paths: readonly string[],
): Promise<PostgresUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = ownerOf(dataDir);
  const { uid, gid } = owner !== undefined && owner.uid !== 0 ? owner : await nobody();
  const who = [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"];
  const closed = paths.map((path) => closedFolder(path, uid, gid)).find((folder) => folder !== undefined);
  if (closed !== undefined) {
    const capability = CAPABILITIES.find(([number]) => mayGrant(number))?.[1];
    if (capability === undefined) {
      throw new SetupError(
        `PostgreSQL does not run as root, and other users may not enter ${closed}. ` +
          `Run: chmod o+x "${closed}"; or start Duly as an ordinary user.`,
      );
    }
    // initdb asks access(2) for its programs, which forgets capabilities unless this bit is set.
    who.push(
      "--securebits=+no_setuid_fixup",
      `--inh-caps=-all,+${capability}`,
      `--ambient-caps=-all,+${capability}`,
    );
  }
  return { uid, gid, prefix: ["setpriv", ...who, "--"] };
}

function ownerOf(path: string): { uid: number; gid: number } | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function nobody(): Promise<{ uid: number; gid: number }> {
  const [uid, gid] = await Promise.all(["-u", "-g"].map((flag) => runCommand("id", [flag, "nobody"])));
  if (uid?.code !== 0 || gid?.code !== 0) {
    throw new SetupError(
      "PostgreSQL does not run as root, and this machine has no user `nobody`. Start Duly as an ordinary user.",
    );
  }
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}

/** The uppermost folder on the way to `path` that this user may not enter. */
function closedFolder(path: string, uid: number, gid: number): string | undefined {
  const parent = dirname(path);
  const above = parent === path ? undefined : closedFolder(parent, uid, gid);
  if (above !== undefined) return above;
  const owner = ownerOf(path);
  if (owner === undefined) return undefined;
  const { mode } = statSync(path);
  const enter = owner.uid === uid ? 0o100 : owner.gid === gid ? 0o010 : 0o001;
  return (mode & enter) === 0 ? path : undefined;
}

function mayGrant(capability: number): boolean {
  if (process.platform !== "linux") return false;
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return (BigInt(`0x${bounding}`) & (1n << BigInt(capability))) !== 0n;
}
