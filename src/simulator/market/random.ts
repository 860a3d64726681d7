/**
 * Small deterministic random numbers: the same seed gives the same market on every machine.
 * Runs in the simulator process; used by the market, the catalogue and the faults.
 */

/** FNV-1a over UTF-8, 32 bits. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Mixes 32 bits well (the finalizer of MurmurHash3). */
export function mix32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** xorshift32. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = mix32(seed) || 1;
  }

  /** The next 31 random bits, as a small integer. */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x & 0x7fffffff;
  }

  /** 0 to `below` - 1; `below` at most 2^22, so that the bias stays under 0.2 %. */
  below(below: number): number {
    return this.next() % below;
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.next() < probability * 0x80000000;
  }
}

/** Whose order an order id belongs to; `trade`: the UUID of the trade itself. */
export const ORDER_ROLES = { maker: 3, taker: 5, trade: 7 } as const;

/**
 * Word `word` (0-3) of the order id of a trade: a function of symbol, trade and role alone, so that the ledger need
 * not keep 32 bytes per trade. RFC 4122 version 4 in form.
 */
export function orderIdWord(symbolHash: number, tradeIdLow: number, role: number, word: number): number {
  const bits = mix32(symbolHash ^ Math.imul(tradeIdLow + Math.imul(word, 0x9e3779b9), role));
  if (word === 1) return ((bits & 0xffff0fff) | 0x4000) >>> 0;
  if (word === 2) return ((bits & 0x3fffffff) | 0x80000000) >>> 0;
  return bits;
}
