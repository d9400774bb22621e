import type { GivenWork } from "../demo-inputs.ts";
import type { Evidence } from "../evidence/evidence.ts";
import { atLeast, type Check, eachOnce } from "./check.ts";
import { isRefused } from "./payments.ts";

const FEWEST = 180;

/** The chain moved each payment's tokens once, from its payer to its recipient, and nothing else. */
export function expectTransfers(work: GivenWork, { transfers }: Evidence): Check[] {
  const addressOf = new Map(work.payers.map(({ id, address }) => [id, address]));
  const payable = work.payments.filter((line) => line.method === "erc20" && !isRefused(work, line));
  return [
    atLeast("new transfers on the chain", FEWEST, transfers.length),
    eachOnce(
      "transfers on the chain",
      payable.map(({ payer, ...line }) => describe({ ...line, payer: addressOf.get(payer) ?? payer })),
      transfers.map(({ reference, transactionHash, ...transfer }) =>
        describe({ ...transfer, reference: reference ?? `of no payment (${transactionHash})` }),
      ),
    ),
  ];
}

interface Move {
  readonly reference: string;
  readonly payer: string;
  readonly recipient: string;
  readonly amount: string;
}

function describe({ reference, payer, recipient, amount }: Move): string {
  return `${reference}: ${amount} from ${payer.toLowerCase()} to ${recipient.toLowerCase()}`;
}
