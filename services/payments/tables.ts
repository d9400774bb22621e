import type { ColumnType, Generated, Kysely } from "kysely";
import type { DulyTables } from "#shared/index.ts";

/**
 * What is known of a transfer.
 *
 * - `signed`: stored; its bytes may be anywhere, so they may still be mined.
 * - `confirmed`: mined, and the tokens moved.
 * - `reverted`: mined, and nothing moved.
 * - `refused`: the first node that saw the bytes turned them down, and nobody else ever had them.
 * - `superseded`: its nonce was finally taken by another transaction.
 *
 * The first two are live: they hold their nonce, and their payment gets no other transfer.
 */
export type TransferState = "signed" | "confirmed" | "reverted" | "refused" | "superseded";

type UsersTable = {
  id: string;
  name: string;
  wallet_index: number;
  address: string;
};

type TokensTable = {
  symbol: string;
  address: string;
  decimals: number;
  /** Decimal text: dollars that one whole token is worth. */
  usd_rate: string;
};

type PaymentsTable = {
  id: Generated<string>;
  reference: string;
  payer: string;
  recipient: string;
  /** Minor units of the currency, as decimal text. */
  amount: string;
  currency: string;
  method: string;
  urgent: boolean;
  scheduled_for: Date;
  scheduled_for_given: string;
  state: Generated<"scheduled" | "completed" | "failed">;
  job_id: string | null;
  transaction_hash: string | null;
  card_payment_id: string | null;
  failure_reason: string | null;
  created_at: Generated<Date>;
  completed_at: Date | null;
  failed_at: Date | null;
};

type TransfersTable = {
  hash: string;
  intent_key: string;
  payment_id: string;
  job_id: string;
  payer: string;
  nonce: ColumnType<string, number, number>;
  raw: string;
  state: Generated<TransferState>;
  note: string | null;
  created_at: Generated<Date>;
  changed_at: Generated<Date>;
};

type CurrenciesTable = {
  /** ISO 4217. */
  code: string;
  exponent: number;
  /** Decimal text: dollars that one unit is worth. */
  usd_rate: string;
};

type CardsTable = {
  user_id: string;
  /** The processor's ids. */
  customer: string;
  payment_method: string;
};

type CardChargesTable = {
  card_payment_id: string;
  payment_id: string;
  intent_key: string;
  /** `open`: it may still take money; only one that is cancelled for good makes room for another. */
  state: Generated<"open" | "succeeded" | "canceled">;
  created_at: Generated<Date>;
  changed_at: Generated<Date>;
};

type LedgerTransactionsTable = {
  id: Generated<string>;
  kind: string;
  payment_id: string;
  source: string;
  made_at: Generated<Date>;
};

type LedgerEntriesTable = {
  transaction_id: string;
  line: number;
  account: string;
  currency: string;
  /** Minor units, as decimal text. */
  amount: string;
};

type VoidIntentsTable = {
  intent_key: string;
  created_at: Generated<Date>;
};

/** This service's own tables. Types, not interfaces: only those fit `$extendTables`. */
export type PaymentsTables = {
  "payments.users": UsersTable;
  "payments.tokens": TokensTable;
  "payments.payments": PaymentsTable;
  "payments.transfers": TransfersTable;
  "payments.void_intents": VoidIntentsTable;
  "payments.currencies": CurrenciesTable;
  "payments.cards": CardsTable;
  "payments.card_charges": CardChargesTable;
  "payments.ledger_transactions": LedgerTransactionsTable;
  "payments.ledger_entries": LedgerEntriesTable;
};

/** Typed SQL over the engine's tables and this service's; a pool, one connection or a transaction. */
export type PaymentsDatabase = Kysely<DulyTables & PaymentsTables>;
