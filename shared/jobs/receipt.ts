import { deserialize, serialize } from "node:v8";

/**
 * Packs what `perform` returned, so that an effect whose recording failed is only recorded and not made again. Takes
 * everything that can be cloned, bigints and dates too.
 *
 * @returns undefined for what cannot be kept: a receipt that holds functions.
 */
export function packReceipt(receipt: unknown): Buffer | undefined {
  try {
    return serialize(receipt);
  } catch (error) {
    if (error instanceof Error && error.name === "DataCloneError") return undefined;
    throw error;
  }
}

/** Unpacks a kept receipt; only ever what this application packed. */
export function readReceipt(packed: Buffer): unknown {
  return deserialize(packed);
}
