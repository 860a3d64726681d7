/**
 * Counters in shared memory. Each is one u32 slot with one writing thread; readers see it without locks and without
 * torn values. A slot wraps at 2^32, so a reader accumulates differences (CounterReader) into exact totals.
 */

export interface CounterSpec {
  /** counter: only grows · gauge: a state, read as it is */
  readonly kind: 'counter' | 'gauge';
  /** what one of it is; empty for things that are counted and named by `doc` */
  readonly unit: string;
  /** what several blocks have together */
  readonly together: 'sum' | 'max';
  readonly doc: string;
}

export type CounterSpecs = Readonly<Record<string, CounterSpec>>;

/** Slot numbers by name, in declared order. */
export function slotsOf<const C extends CounterSpecs>(specs: C): { readonly [K in keyof C]: number } {
  return Object.fromEntries(Object.keys(specs).map((name, i) => [name, i])) as { [K in keyof C]: number };
}

export function createCounters(specs: CounterSpecs): SharedArrayBuffer {
  return new SharedArrayBuffer(Object.keys(specs).length * 4);
}

/** What several blocks of the same counters have together. */
export function together<C extends CounterSpecs>(
  specs: C,
  blocks: readonly { readonly [K in keyof C]: number }[],
): { [K in keyof C]: number } {
  const add = { sum: (a: number, b: number) => a + b, max: Math.max };
  const entries = Object.entries(specs).map(([name, spec]) => [
    name,
    blocks.map((block) => block[name]).reduce((a, b) => add[spec.together](a, b), 0),
  ]);
  return Object.fromEntries(entries) as { [K in keyof C]: number };
}

/** Totals of one block of counters; poll at least once per 2^32 events. */
export class CounterReader<C extends CounterSpecs> {
  private readonly names: readonly (keyof C & string)[];
  private readonly slots: Uint32Array;
  private readonly previous: Uint32Array;
  private readonly totals: Float64Array;

  constructor(
    private readonly specs: C,
    memory: SharedArrayBuffer,
  ) {
    this.names = Object.keys(specs);
    this.slots = new Uint32Array(memory);
    this.previous = new Uint32Array(this.slots.length);
    this.totals = new Float64Array(this.slots.length);
  }

  /** Reads every slot once and returns the totals (counters) and states (gauges) by name. */
  read(): { [K in keyof C]: number } {
    const values: Record<string, number> = {};
    this.names.forEach((name, i) => {
      const now = Atomics.load(this.slots, i);
      this.totals[i] =
        this.specs[name].kind === 'gauge' ? now : this.totals[i] + ((now - this.previous[i]) >>> 0);
      this.previous[i] = now;
      values[name] = this.totals[i];
    });
    return values as { [K in keyof C]: number };
  }
}
