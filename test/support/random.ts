/** Repeatable chance for tests. */

/** Unsigned 32-bit numbers that a seed repeats (mulberry32). */
function words(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** Repeatable random numbers below `below`. */
export function randomFrom(seed: number): (below: number) => number {
  const word = words(seed);
  return (below) => word() % below;
}

/** One of these. */
export function oneOf<T>(random: (below: number) => number, values: readonly T[]): T {
  return values[random(values.length)];
}

/** The same values in another order. */
export function shuffled<T>(random: (below: number) => number, values: readonly T[]): T[] {
  const result = [...values];
  for (let i = result.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [result[i], result[j]] = [result[j], result[i]];
  }
  return result;
}

/** The same numbers with more ways to ask for them, for tests that print the seed of a failure. */
export class Random {
  private readonly word: () => number;

  constructor(seed: number) {
    this.word = words(seed);
  }

  /** 0 to below 1 */
  next(): number {
    return this.word() / 4294967296;
  }

  /** 0 to n - 1 */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }
}
