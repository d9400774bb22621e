/** Numbers that look random and are the same for the same seed. */
export interface Random {
  /** From 0, below 1. */
  readonly next: () => number;
  /** A whole number from `least` to `most`. */
  readonly between: (least: number, most: number) => number;
  readonly chance: (probability: number) => boolean;
  /** One of the names, each as often as its share of `total` says; undefined for the rest of it. */
  readonly draw: <Name extends string>(
    shares: Readonly<Partial<Record<Name, number>>>,
    total?: number,
  ) => Name | undefined;
}

/** Begins the sequence of a seed and a name, so that adding a scenario changes no other's faults. */
export function randomOf(seed: number, name: string): Random {
  let state = Buffer.from(name).reduce((hash, byte) => Math.imul(hash ^ byte, 16777619), seed | 0);
  // A Weyl sequence through MurmurHash3's 32-bit finalizer (Appleby, public domain).
  const next = () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    between: (least, most) => least + Math.floor(next() * (most - least + 1)),
    chance: (probability) => next() < probability,
    draw: <Name extends string>(shares: Readonly<Partial<Record<Name, number>>>, total = 1) => {
      let left = next() * total;
      for (const [name, share] of Object.entries(shares) as [Name, number][]) {
        if (left < share) return name;
        left -= share;
      }
      return undefined;
    },
  };
}
