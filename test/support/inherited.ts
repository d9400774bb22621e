const NAMES = ["PATH", "NODE_COMPILE_CACHE"];

/** What a process under test gets of this one's environment: where programs are, and what Node has compiled before. */
export function inherited(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    NAMES.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
