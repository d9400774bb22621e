/** Takes one short text about what is happening now. */
export type OnProgress = (text: string) => void;

/** Tells the person at the terminal what starts and how long each thing took. */
export interface Progress {
  readonly line: OnProgress;
  /** Runs `work`, telling its steps, and how long it took at the end. */
  readonly step: <T>(name: string, work: (onProgress: OnProgress) => Promise<T>) => Promise<T>;
}

/** Writes whole lines only, so that it reads the same in a terminal, a log and a pipe. */
export function createProgress(out: (line: string) => void): Progress {
  const tell = (name: string, text: string) => out(`  ${name.padEnd(14)} ${text}`);
  return {
    line: out,
    step: async (name, work) => {
      const started = performance.now();
      const result = await work((text) => tell(name, `${text} …`));
      tell(name, `ready in ${((performance.now() - started) / 1000).toFixed(1)} s`);
      return result;
    },
  };
}
