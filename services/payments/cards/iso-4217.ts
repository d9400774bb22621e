// ISO 4217, list one: the currencies whose minor unit is not a hundredth.
const EXPONENTS: Readonly<Record<string, number>> = {
  ...others(0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
  ...others(3, "BHD IQD JOD KWD LYD OMR TND"),
  ...others(4, "CLF UYW"),
};

/** How many decimals a currency has by ISO 4217: 2 for USD, 0 for JPY, 3 for KWD. */
export function exponentOf(code: string): number {
  return EXPONENTS[code] ?? 2;
}

function others(exponent: number, codes: string): Record<string, number> {
  return Object.fromEntries(codes.split(" ").map((code) => [code, exponent]));
}
