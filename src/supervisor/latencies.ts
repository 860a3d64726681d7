/**
 * How long messages take from the socket to the ring, by exchange: since the start, and of the last seconds. Main thread,
 * from the histograms of the sessions.
 */
import { type Quantiles, quantiles, RecentQuantiles } from '../counters/histogram.js';

/** Seconds that "lately" stands for. */
const RECENT_SECS = 5;

interface Latency {
  readonly histograms: SharedArrayBuffer[];
  readonly recent: RecentQuantiles;
}

export class Latencies {
  private readonly byExchange = new Map<string, Latency>();

  /** A session of the exchange records into this histogram. */
  add(exchange: string, histogram: SharedArrayBuffer): void {
    const known = this.byExchange.get(exchange);
    if (known !== undefined) known.histograms.push(histogram);
    else this.byExchange.set(exchange, { histograms: [histogram], recent: new RecentQuantiles(RECENT_SECS) });
  }

  /** Once a second. */
  sample(): void {
    for (const { histograms, recent } of this.byExchange.values()) recent.sample(histograms);
  }

  /** Quantiles since the start. */
  total(): Record<string, Quantiles> {
    return this.map(({ histograms }) => quantiles(histograms));
  }

  /** Quantiles of the last seconds. */
  recent(): Record<string, Quantiles> {
    return this.map(({ recent }) => recent.read());
  }

  private map(pick: (latency: Latency) => Quantiles): Record<string, Quantiles> {
    return Object.fromEntries([...this.byExchange].map(([id, latency]) => [id, pick(latency)]));
  }
}
