import { sql } from "kysely";
import { expect } from "vitest";
import { z } from "zod";
import type { Database } from "#shared/index.ts";
import { getJson } from "../../services/local/demo/evidence/get-json.ts";
import { readTransfers, type TokenPlace } from "../../services/local/outside/chain/read-transfers.ts";
import type { Line } from "./payment-lines.ts";

/** A transfer on chain, named by what was asked for. */
interface Transfer {
  readonly hash: string;
  readonly payer: string;
  readonly recipient: string;
  readonly amount: string;
}

/** Every transfer on chain to one of the lines' recipients, whose payer is named by its id. */
export async function transfersFor(
  db: Database,
  place: TokenPlace,
  lines: readonly Line[],
): Promise<Transfer[]> {
  const recipients = new Set(lines.map(({ recipient }) => recipient.toLowerCase()));
  const { rows: users } = await sql<{ id: string; address: string }>`
    select id, address from payments.users
  `.execute(db);
  const ids = new Map(users.map(({ id, address }) => [address.toLowerCase(), id]));
  const all = await readTransfers(place, 0n);
  return all
    .map(({ transactionHash, payer, recipient, amount }) => ({
      hash: transactionHash,
      payer: ids.get(payer.toLowerCase()) ?? payer,
      recipient: recipient.toLowerCase(),
      amount,
    }))
    .filter(({ recipient }) => recipients.has(recipient));
}

/** Holds every line against the chain and the payments' own table: made exactly once, as asked for, and known so. */
export async function expectPaidOnce(
  db: Database,
  place: TokenPlace,
  lines: readonly Line[],
): Promise<Transfer[]> {
  const transfers = await transfersFor(db, place, lines);
  const byRecipient = (a: { recipient: string }, b: { recipient: string }) =>
    a.recipient < b.recipient ? -1 : 1;
  const asked = lines.map(({ payer, recipient, amount }) => ({ payer, recipient, amount }));
  expect(transfers.map(({ hash: _, ...rest }) => rest).sort(byRecipient)).toEqual(asked.sort(byRecipient));

  const { rows } = await sql<{ recipient: string; state: string; hash: string | null }>`
    select lower(recipient) as recipient, state, transaction_hash as hash from payments.payments
    where reference = any(${lines.map(({ reference }) => reference)})
  `.execute(db);
  const made = transfers.map(({ recipient, hash }) => ({ recipient, state: "completed", hash }));
  expect(rows.sort(byRecipient)).toEqual(made.sort(byRecipient));
  return transfers;
}

const Charges = z.object({
  charges: z.array(z.object({ paid: z.boolean(), metadata: z.object({ reference: z.string().optional() }) })),
});

/** What was charged for a payment by card: tries, those that took money, and the transactions in the books. */
export async function chargesFor(
  db: Database,
  cardsUrl: string,
  { reference }: Line,
): Promise<{ tries: number; paid: number; booked: number }> {
  const { charges } = await getJson(new URL("/charges?limit=10000", cardsUrl), Charges);
  const tries = charges.filter(({ metadata }) => metadata.reference === reference);
  const { rows } = await sql`
    select from payments.ledger_transactions t join payments.payments p on p.id = t.payment_id
    where p.reference = ${reference}
  `.execute(db);
  return { tries: tries.length, paid: tries.filter(({ paid }) => paid).length, booked: rows.length };
}

/** Holds every line against the reports' books: written down exactly once. */
export async function expectBookedOnce(db: Database, lines: readonly Line[]): Promise<void> {
  const references = lines.map(({ reference }) => reference);
  const { rows } = await sql<{ reference: string }>`
    select reference from reports.transactions where reference = any(${references}) and outcome = 'completed'
    order by reference
  `.execute(db);
  expect(rows.map(({ reference }) => reference)).toEqual(references.sort());
}

const Mails = z.object({
  mails: z.array(
    z.object({ messageId: z.string(), to: z.array(z.string()), subject: z.string(), text: z.string() }),
  ),
});

/** A mail that arrived. */
export type ArrivedMail = z.infer<typeof Mails>["mails"][number];

/** The mails whose subject holds these words. */
export async function mailsAbout(mailUrl: string, subject: string): Promise<ArrivedMail[]> {
  const url = new URL("/mails", mailUrl);
  url.search = new URLSearchParams({ subject, limit: "1000" }).toString();
  return (await getJson(url, Mails)).mails;
}

const Conversation = z.object({
  messages: z.array(
    z.object({ id: z.string(), sentAt: z.string(), text: z.string(), callbackData: z.string().nullable() }),
  ),
});

/** What one phone received. */
export async function messagesTo(
  chatUrl: string,
  phone: string,
): Promise<z.infer<typeof Conversation>["messages"]> {
  const url = new URL(`/conversations/${encodeURIComponent(phone)}?limit=1000`, chatUrl);
  return (await getJson(url, Conversation)).messages;
}

/** Makes the mailbox or the chat service fail. */
export async function orderFault(url: string, fault: Readonly<Record<string, unknown>>): Promise<void> {
  await getJson(new URL("/faults", url), z.unknown(), {
    method: "POST",
    body: JSON.stringify(fault),
    headers: { "content-type": "application/json" },
  });
}

/** How many kinds of faults have not struck as often as they were ordered. */
export async function faultsLeft(url: string): Promise<number> {
  const { faults } = await getJson(new URL("/faults", url), z.object({ faults: z.array(z.unknown()) }));
  return faults.length;
}
