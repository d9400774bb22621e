import { readFileSync, writeFileSync } from "node:fs";
import solc from "solc";

const SOURCE = new URL("DulyToken.sol", import.meta.url);
const ARTEFACT = new URL("duly-token.json", import.meta.url);

// Every setting that reaches the bytecode is written down here, so that the same source gives the same bytes
// on every machine; the metadata hash is left out because it would change with every comment.
const SETTINGS = {
  evmVersion: "cancun",
  optimizer: { enabled: true, runs: 200 },
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: { "DulyToken.sol": { DulyToken: ["abi", "evm.bytecode.object"] } },
};

interface CompilerOutput {
  errors?: { formattedMessage: string }[];
  contracts?: { "DulyToken.sol"?: { DulyToken?: { abi: unknown; evm: { bytecode: { object: string } } } } };
}

// The package declares its functions as `any`.
const compiler = solc as { compile: (input: string) => string; version: () => string };

/** Compiles DulyToken.sol and returns the artefact's text; throws the compiler's own words when it refuses. */
export function compileToken(): string {
  const source = readFileSync(SOURCE, "utf8").replaceAll("\r\n", "\n");
  const input = {
    language: "Solidity",
    sources: { "DulyToken.sol": { content: source } },
    settings: SETTINGS,
  };
  const output = JSON.parse(compiler.compile(JSON.stringify(input))) as CompilerOutput;
  const token = output.contracts?.["DulyToken.sol"]?.DulyToken;
  const complaints = output.errors ?? [];
  if (token === undefined || complaints.length > 0) {
    throw new Error(complaints.map(({ formattedMessage }) => formattedMessage).join("\n"));
  }
  const { abi, evm } = token;
  return `${JSON.stringify({ compiler: compiler.version(), abi, bytecode: `0x${evm.bytecode.object}` }, null, 2)}\n`;
}

/** Says whether the committed artefact is what the committed source compiles to, bit for bit. */
export function tokenIsCurrent(): boolean {
  return readFileSync(ARTEFACT, "utf8") === compileToken();
}

if (import.meta.main) {
  if (!process.argv.includes("--check")) {
    writeFileSync(ARTEFACT, compileToken());
    process.stdout.write("duly-token.json is written.\n");
  } else if (tokenIsCurrent()) {
    process.stdout.write("duly-token.json is what DulyToken.sol compiles to.\n");
  } else {
    process.stderr.write(
      "duly-token.json is not what DulyToken.sol compiles to. Run: node services/local/outside/chain/compile-token.ts\n",
    );
    process.exitCode = 1;
  }
}
