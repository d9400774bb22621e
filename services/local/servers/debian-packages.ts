import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lastLines, runCommand } from "../processes/run-command.ts";
import type { OnProgress } from "../progress.ts";
import { SetupError } from "../setup-error.ts";
import { INSTALL_RABBIT } from "./rabbitmq-find.ts";

/** Downloads and unpacks into `root`; returns the version of rabbitmq-server. */
export async function unpackPackages(work: string, root: string, onProgress: OnProgress): Promise<string> {
  for (const folder of ["lists/partial", "cache/archives/partial", "packages", "root"]) {
    mkdirSync(join(work, folder), { recursive: true });
  }
  writeFileSync(join(work, "status"), statusWithoutErlang());
  writeFileSync(
    join(work, "apt.conf"),
    [
      `Dir::State::Lists "${work}/lists";`,
      `Dir::State::Status "${work}/status";`,
      `Dir::Cache "${work}/cache";`,
      `Debug::NoLocking "1";`,
      `APT::Sandbox::User "";`,
      // The machine's own hooks clean or report on its own lists and packages.
      "#clear APT::Update::Pre-Invoke;",
      "#clear APT::Update::Post-Invoke;",
      "#clear APT::Update::Post-Invoke-Success;",
      "",
    ].join("\n"),
  );
  const place = {
    cwd: join(work, "packages"),
    env: { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" },
  };
  const apt = (...args: string[]) => runCommand("apt-get", ["-c", join(work, "apt.conf"), ...args], place);

  onProgress("reading the package lists (no root, nothing is installed)");
  // A broken list of somebody else's does not matter as long as the packages are found.
  const update = await apt("update", "-q");
  const plan = await apt("install", "--simulate", "--no-install-recommends", "rabbitmq-server");
  const packages = [...plan.stdout.matchAll(/^Inst (\S+) \((\S+)/gm)].map(([, name, version]) => ({
    name,
    version,
  }));
  const version = packages.find(({ name }) => name === "rabbitmq-server")?.version;
  if (version === undefined) throw failed("find", `${update.output}\n${plan.output}`);

  onProgress(`downloading RabbitMQ ${version} and Erlang (${packages.length} packages, 35 MB, once)`);
  const download = await apt(
    "download",
    "-q",
    ...packages.map(({ name, version: exact }) => `${name}=${exact}`),
  );
  if (download.code !== 0) throw failed("download", download.output);

  onProgress("unpacking them");
  for (const file of readdirSync(join(work, "packages"))) {
    const unpack = await runCommand("dpkg-deb", ["-x", join(work, "packages", file), root]);
    if (unpack.code !== 0) throw failed("unpack", unpack.output);
  }
  return version;
}

/** The machine's installed packages except Erlang's and RabbitMQ's: ours must be a whole set of one version. */
function statusWithoutErlang(): string {
  return readFileSync("/var/lib/dpkg/status", "utf8")
    .split("\n\n")
    .filter((entry) => !/^Package: (erlang|rabbitmq)/.test(entry))
    .join("\n\n");
}

function failed(what: string, output: string): SetupError {
  return new SetupError(
    `RabbitMQ's packages could not be ${what === "find" ? "found" : `${what}ed`}. apt-get says:\n` +
      `${lastLines(output)}\n${INSTALL_RABBIT}`,
  );
}
