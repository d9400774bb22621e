import { copyFile, readFile, rename, stat, writeFile } from "node:fs/promises";
import { isErrno } from "../../setup-error.ts";

// Contracts look back no further than this (BLOCKHASH).
const RECENT_BLOCKS = 256;
// Anvil truncates its file and then writes it; a file that has rested this long is whole.
const RESTED_MS = 500;

interface Block {
  header: { number: string };
  transactions: unknown[];
}
interface State {
  blocks: Block[];
}

/**
 * The file in which anvil keeps the chain, and beside it a copy (`.whole`) that is never half written.
 *
 * Anvil does not replace its file in one step, so a chain that is killed while it writes leaves half a file.
 * `prepare` is called before the chain starts, `keepCopy` now and then while it runs.
 */
export class ChainState {
  readonly file: string;
  readonly #copy: string;
  #copiedAt = 0;

  constructor(file: string) {
    this.file = file;
    this.#copy = `${file}.whole`;
  }

  /**
   * Makes the file ready for anvil: a torn one is replaced by the copy, and old blocks without transactions are
   * dropped, so that a chain that makes a block each second does not grow while nothing happens on it.
   * "lost": nothing could be read, the torn file is put aside (`.torn`) and the chain begins anew.
   */
  async prepare(): Promise<"new" | "kept" | "restored" | "lost"> {
    const current = await readState(this.file);
    const state = typeof current === "string" ? await readState(this.#copy) : current;
    if (typeof state === "string") {
      if (current === "torn") await rename(this.file, `${this.file}.torn`);
      return current === "torn" ? "lost" : "new";
    }
    await replaceFile(this.file, JSON.stringify({ ...state, blocks: withoutIdle(state.blocks) }));
    await copyInOneStep(this.file, this.#copy);
    return state === current ? "kept" : "restored";
  }

  /**
   * Copies the file when there is something new and it is not being written just now; returns whether it did.
   * Must be called only while anvil runs: half a file of a killed one looks as much at rest as a whole one.
   */
  async keepCopy(): Promise<boolean> {
    const writtenAt = await modifiedAt(this.file);
    if (writtenAt === undefined || writtenAt === this.#copiedAt || Date.now() - writtenAt < RESTED_MS)
      return false;
    await copyFile(this.file, `${this.#copy}.next`);
    if ((await modifiedAt(this.file)) !== writtenAt) return false;
    await rename(`${this.#copy}.next`, this.#copy);
    this.#copiedAt = writtenAt;
    return true;
  }
}

async function readState(file: string): Promise<State | "absent" | "torn"> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as State;
  } catch (error) {
    if (error instanceof SyntaxError) return "torn";
    if (isErrno(error, "ENOENT")) return "absent";
    throw error;
  }
}

function withoutIdle(blocks: Block[]): Block[] {
  const newest = blocks.reduce((highest, block) => Math.max(highest, numberOf(block)), 0);
  return blocks.filter((block) => block.transactions.length > 0 || numberOf(block) > newest - RECENT_BLOCKS);
}

function numberOf(block: Block): number {
  return Number(block.header.number);
}

async function replaceFile(file: string, text: string): Promise<void> {
  await writeFile(`${file}.next`, text, { mode: 0o600 });
  await rename(`${file}.next`, file);
}

async function copyInOneStep(from: string, to: string): Promise<void> {
  await copyFile(from, `${to}.next`);
  await rename(`${to}.next`, to);
}

async function modifiedAt(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).mtimeMs;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
