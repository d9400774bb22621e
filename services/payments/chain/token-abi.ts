import { parseAbi } from "viem";

/** What payments needs of an ERC-20 token, and the reasons that tokens give when they refuse (ERC-6093 and ours). */
export const TOKEN_ABI = parseAbi([
  "function transfer(address to, uint256 value) returns (bool)",
  "event Transfer(address indexed from, address indexed to, uint256 value)",
  "error RecipientRefused(address recipient)",
  "error InvalidRecipient(address recipient)",
  "error InsufficientBalance(address from, uint256 balance, uint256 needed)",
  "error ERC20InvalidReceiver(address receiver)",
  "error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed)",
]);

/** The code and the words for each refusal by name. */
export const TOKEN_REFUSALS: Readonly<Record<string, readonly [code: string, reason: string]>> = {
  RecipientRefused: ["recipient_refused", "the token refuses this recipient"],
  InvalidRecipient: ["recipient_refused", "the token refuses this recipient"],
  ERC20InvalidReceiver: ["recipient_refused", "the token refuses this recipient"],
  InsufficientBalance: ["insufficient_balance", "the payer has not enough tokens"],
  ERC20InsufficientBalance: ["insufficient_balance", "the payer has not enough tokens"],
};
