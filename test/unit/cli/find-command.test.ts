import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../../services/cli/commands.ts";
import { findCommand } from "../../../services/cli/find-command.ts";

describe("findCommand", () => {
  it.each(COMMANDS)("finds $verb $noun, whose file is there", (command) => {
    expect(findCommand([command.verb, command.noun, "more"])).toEqual({ command });
    expect(existsSync(new URL(`../../../services/${command.file}`, import.meta.url))).toBe(true);
  });

  it.each([
    [["import", "payment"], "import payments"],
    [["improt", "payments"], "import payments"],
    [["send", "opt"], "send otp"],
    [["reqest", "reports"], "request report"],
    [["payments"], "import payments"],
    [["frobnicate", "everything"], undefined],
  ])("for %j guesses %s", (words, meant) => {
    expect(findCommand(words)).toEqual({ meant });
  });
});
