/** Rates per second of two totals over the last few samples. Main thread. */
const SAMPLES = 5;

export class Rates {
  private readonly samples: { readonly ms: number; readonly first: number; readonly second: number }[] = [];

  add(ms: number, first: number, second: number): void {
    this.samples.push({ ms, first, second });
    if (this.samples.length > SAMPLES + 1) this.samples.shift();
  }

  private rate(pick: (sample: { readonly first: number; readonly second: number }) => number): number {
    const [oldest] = this.samples;
    const newest = this.samples.at(-1);
    if (newest === undefined || newest.ms <= oldest.ms) return 0;
    return ((pick(newest) - pick(oldest)) * 1000) / (newest.ms - oldest.ms);
  }

  get first(): number {
    return this.rate((s) => s.first);
  }

  get second(): number {
    return this.rate((s) => s.second);
  }
}
