import { createRequire } from "node:module";
import { SetupError } from "../../setup-error.ts";

const PLATFORMS: Readonly<Record<string, string>> = {
  "darwin-arm64": "darwin-arm64",
  "darwin-x64": "darwin-amd64",
  "linux-arm64": "linux-arm64",
  "linux-x64": "linux-amd64",
  "win32-x64": "win32-amd64",
};

/**
 * Finds the real anvil binary in the platform package beside `@foundry-rs/anvil`.
 * The package's own launcher is passed over: it is one more process between a signal and the chain.
 *
 * @throws {SetupError} that says what to install, when there is no binary for this machine.
 */
export function anvilBinary(
  platform: string = process.platform,
  architecture: string = process.arch,
): string {
  const suffix = PLATFORMS[`${platform}-${architecture}`];
  if (suffix === undefined) {
    throw new SetupError(
      `The local chain (anvil) has no binary for ${platform}-${architecture}. ` +
        "The local stack needs it: use Linux, macOS or Windows on x64 or arm64.",
    );
  }
  const file = platform === "win32" ? "anvil.exe" : "anvil";
  try {
    const launcher = createRequire(import.meta.url).resolve("@foundry-rs/anvil/package.json");
    return createRequire(launcher).resolve(`@foundry-rs/anvil-${suffix}/bin/${file}`);
  } catch (cause) {
    throw new SetupError(
      `The local chain's binary is missing (package @foundry-rs/anvil-${suffix}). ` +
        "Run `npm ci --include=optional` in the clone and start again.",
      { cause },
    );
  }
}
