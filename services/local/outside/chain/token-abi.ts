import { parseAbi } from "viem";

/** The part of DulyToken.sol that the local stack itself calls. */
export const TOKEN_ABI = parseAbi([
  "function owner() view returns (address)",
  "function balanceOf(address account) view returns (uint256)",
  "function mint(address to, uint256 value)",
  "function setRefused(address recipient, bool isRefused)",
]);
