import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "../setup-error.ts";

/**
 * Makes the programs in `root` run once it has been moved to `folder`.
 *
 * Erlang's start scripts name the folder that they were built for, and RabbitMQ's own trip over a space in its path.
 */
export function relocateErlang(root: string, folder: string): void {
  const erlang = join(root, "usr", "lib", "erlang");
  const runtimes = readdirSync(erlang).filter((name) => name.startsWith("erts-"));
  const final = join(folder, "usr", "lib", "erlang").replaceAll(/["$`\\]/g, "\\$&");
  for (const bin of ["bin", ...runtimes.map((name) => join(name, "bin"))]) {
    for (const script of ["erl", "start"]) {
      edit(join(erlang, bin, script), (text) =>
        text.replaceAll("ROOTDIR=/usr/lib/erlang", () => `ROOTDIR="${final}"`),
      );
    }
  }
  const servers = join(root, "usr", "lib", "rabbitmq", "lib");
  for (const server of readdirSync(servers)) {
    const script = join(servers, server, "sbin", "rabbitmq-env");
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell variable
    const sourced = "${RABBITMQ_SCRIPTS_DIR}/rabbitmq-defaults";
    edit(script, (text) => text.replace(`. ${sourced}`, () => `. "${sourced}"`));
  }
}

function edit(path: string, change: (text: string) => string): void {
  try {
    writeFileSync(path, change(readFileSync(path, "utf8")));
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}
