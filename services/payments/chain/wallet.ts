import { encodeFunctionData, keccak256, toHex } from "viem";
import { mnemonicToAccount, type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import type { Hex } from "./address.ts";
import { TOKEN_ABI } from "./token-abi.ts";

/** A token transfer as its signer must know it. */
export interface TransferTerms {
  readonly chainId: number;
  readonly token: Hex;
  readonly recipient: Hex;
  readonly amount: bigint;
  readonly nonce: number;
  readonly gas: bigint;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** The keys of all payers, derived from one mnemonic (BIP-44, m/44'/60'/0'/0/index). */
export class Wallet {
  readonly #parent: ReturnType<ReturnType<typeof mnemonicToAccount>["getHdKey"]>;
  readonly #accounts = new Map<number, PrivateKeyAccount>();

  constructor(mnemonic: string) {
    // Stretching the mnemonic takes some 100 ms of pure computing: once, not for every transfer.
    this.#parent = mnemonicToAccount(mnemonic, { path: "m/44'/60'/0'/0" }).getHdKey();
  }

  /** The checksummed address of the payer with this wallet index. */
  addressOf(index: number): Hex {
    return this.#account(index).address;
  }

  /** Signs a transfer; the hash is the one under which the chain will know these very bytes. */
  async signTransfer(index: number, terms: TransferTerms): Promise<{ raw: Hex; hash: Hex }> {
    const { token, recipient, amount, ...rest } = terms;
    const data = encodeFunctionData({ abi: TOKEN_ABI, functionName: "transfer", args: [recipient, amount] });
    const raw = await this.#account(index).signTransaction({
      ...rest,
      type: "eip1559",
      to: token,
      data,
      value: 0n,
    });
    return { raw, hash: keccak256(raw) };
  }

  #account(index: number): PrivateKeyAccount {
    const known = this.#accounts.get(index);
    if (known !== undefined) return known;
    const { privateKey } = this.#parent.deriveChild(index);
    if (privateKey === null) throw new RangeError(`no key for wallet index ${index}`);
    const account = privateKeyToAccount(toHex(privateKey));
    this.#accounts.set(index, account);
    return account;
  }
}
