import { english, generateMnemonic } from "viem/accounts";

/** Makes the words of a new wallet, from which all keys of one stack are derived. */
export function newMnemonic(): string {
  return generateMnemonic(english);
}
