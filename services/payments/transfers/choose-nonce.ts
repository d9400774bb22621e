/**
 * Chooses the nonce of a payer's next transfer: the lowest that the chain has not used and no live transfer holds.
 *
 * Lowest, so that a nonce which became free again is filled first: nothing is mined beyond a gap.
 *
 * @param next the chain's count for the payer, its pool included
 * @param held nonces of the payer's live transfers
 */
export function chooseNonce(next: number, held: Iterable<number>): number {
  const taken = new Set(held);
  let nonce = next;
  while (taken.has(nonce)) nonce += 1;
  return nonce;
}
