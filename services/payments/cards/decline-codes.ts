const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A declined charge, as the processor tells of it. */
export interface Decline {
  readonly code: string;
  /** Stripe's own advice: `do_not_try_again`, `try_again_later`, `confirm_card_data`. */
  readonly adviceCode: string | undefined;
  /** Two digits, of the card's network. */
  readonly networkAdviceCode: string | undefined;
}

/** Whether and when a declined charge may be tried again; `why` is for people. */
export type Verdict =
  | { readonly again: "never"; readonly why: string }
  | { readonly again: "later"; readonly afterMs: number };

type Meaning = "never" | "hours" | "days";

/**
 * What a decline code means for the next try.
 *
 * - `never`: the networks forbid it (Visa Core Rules, table 7-2, category 1: lost, stolen, picked up, no such account,
 *   stopped by the cardholder), or waiting changes nothing: a person has to mend the card or ask its holder.
 * - `hours`: the issuer or the network could not answer just now.
 * - `days`: soft; money or a limit may be there on another day.
 *
 * Source: Stripe's docs, "Decline codes" and their next steps. A code that is not here is soft, as `generic_decline`.
 */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  ...codes(
    "never",
    `authentication_not_handled authentication_required call_issuer card_not_supported currency_not_supported
    do_not_try_again duplicate_transaction expired_card fraudulent highest_risk_level incorrect_address incorrect_cvc
    incorrect_number incorrect_pin incorrect_zip invalid_account invalid_amount invalid_cvc invalid_expiry_month
    invalid_expiry_year invalid_number invalid_pin live_mode_test_card lost_card merchant_blacklist
    mobile_device_authentication_required new_account_information_available not_permitted offline_pin_required
    online_or_offline_pin_required pickup_card pin_try_exceeded restricted_card revocation_of_all_authorizations
    revocation_of_authorization security_violation service_not_allowed stolen_card stop_payment_order
    testmode_decline transaction_not_allowed`,
  ),
  ...codes(
    "hours",
    "approve_with_id issuer_not_available processing_error reenter_transaction try_again_later",
  ),
  ...codes(
    "days",
    `card_decline_rate_limit_exceeded card_velocity_exceeded do_not_honor generic_decline insufficient_funds no_action_taken
    withdrawal_count_limit_exceeded`,
  ),
};

/**
 * What the card's network says goes before the code: Mastercard's Merchant Advice Codes (Transaction Processing Rules;
 * 02 without a time is taken as its 72 hours) and Visa's categories, where 01 and 03 forbid a try with the same data.
 */
const NETWORK_ADVICE: Readonly<Record<string, number | "never">> = {
  "01": "never",
  "02": 3 * DAY_MS,
  "03": "never",
  "04": "never",
  "21": "never",
  "22": "never",
  "24": HOUR_MS,
  "25": DAY_MS,
  "26": 2 * DAY_MS,
  "27": 4 * DAY_MS,
  "28": 6 * DAY_MS,
  "29": 8 * DAY_MS,
  "30": 10 * DAY_MS,
};

/** Days to wait after the first, second, … soft decline; the last one repeats. */
const DAYS = [1, 2, 4, 7] as const;

/**
 * Charges of one card for one amount within `COUNTED_DAYS`. Visa allowed 15 reattempts until April 2026 and allows 20
 * since (Core Rules, 18 April 2026, table 7-2); Mastercard 35, and 10 in a day. The smallest of these holds for all.
 */
const MOST_DECLINES = 15;
export const COUNTED_DAYS = 30;

/** Judges a decline, before which the same card was declined `before` times for the same amount. */
export function judgeDecline(decline: Decline, before: number): Verdict {
  const { code, adviceCode, networkAdviceCode } = decline;
  const advised = NETWORK_ADVICE[networkAdviceCode ?? ""];
  const meaning = MEANINGS[code] ?? "days";
  if (advised === "never") return never(`its network forbids another try (advice ${networkAdviceCode})`);
  if (adviceCode === "do_not_try_again" || adviceCode === "confirm_card_data") {
    return never(`the processor advises ${adviceCode}`);
  }
  if (meaning === "never") return never("another try cannot help, or is forbidden");
  if (before + 1 >= MOST_DECLINES) {
    return never(`it was declined ${before + 1} times in ${COUNTED_DAYS} days, the most that is allowed`);
  }
  const days = DAYS[Math.min(before, DAYS.length - 1)] ?? 1;
  const usual = meaning === "hours" && before === 0 ? HOUR_MS : days * DAY_MS;
  return { again: "later", afterMs: advised ?? usual };
}

function never(why: string): Verdict {
  return { again: "never", why };
}

function codes(meaning: Meaning, names: string): Record<string, Meaning> {
  return Object.fromEntries(names.split(/\s+/).map((name) => [name, meaning]));
}
