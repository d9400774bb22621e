import { getAddress, isAddress } from "viem/utils";

/** Bytes as the chain writes them. */
export type Hex = `0x${string}`;

/**
 * Reads an address into its checksummed spelling; undefined when it is none.
 *
 * All lower or all upper case is accepted as it is; mixed case must carry the right checksum (EIP-55), because a
 * wrong one is a typing error.
 */
export function parseAddress(text: string): Hex | undefined {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) return undefined;
  const digits = text.slice(2);
  const plain = digits === digits.toLowerCase() || digits === digits.toUpperCase();
  if (!plain && !isAddress(text)) return undefined;
  return getAddress(`0x${digits.toLowerCase()}`);
}
