/**
 * Corrects candles that were added up from trades when their missed trades are fetched. A candle that may lack trades is
 * kept when it would be forgotten, candles that lie within a gap begin with the first trade that is fetched for them, and
 * once nothing is missing any more each is written again with the flag `repaired`. Shard threads; cold.
 */
import { KLINE_INTERVALS, type KlineInterval, TRADES } from '../../schema/tables.js';
import type { Gap } from '../continuity/gap_log.js';
import type { RowWriter, TradeListener } from '../rows/row_writer.js';
import { CANDLE_AT, CANDLE_SUMS, CANDLE_WORDS, STATE } from './candle_rows.js';
import { type Candle, Candles } from './candles.js';

/** A gap is known some seconds after the candle that it begins in may have been forgotten. */
const KEPT_MS = 10_000;
/** Candles that are kept per session; a gap of a day has some 2,000 per symbol. */
const KEPT_MAX = 65_536;

const NO_EVENTS = { late: () => {}, dropped: () => {} };

/** A candle that is no longer among those in memory. */
interface Kept {
  readonly slot: number;
  readonly interval: KlineInterval;
  readonly candle: Candles;
  readonly sinceMs: number;
}

export class CandleRepair implements TradeListener {
  private readonly kept = new Map<string, Kept>();
  /** slots of which something stays missing */
  private readonly lacking = new Set<number>();

  constructor(
    private readonly rows: RowWriter,
    private readonly live: Candles,
    /** of a slot: when the oldest of its gaps that are being repaired begins, by the receive clock; undefined without */
    private readonly gapSince: (slot: number) => number | undefined,
    private readonly nowMs: () => number,
  ) {
    live.onForget = (slot, i, candle) => this.keep(slot, i, candle);
  }

  private keep(slot: number, i: number, candle: Candle): void {
    const interval = this.live.intervals[i];
    this.place(slot, interval, candle);
  }

  private place(slot: number, interval: KlineInterval, candle: Candle): Kept | undefined {
    if (this.kept.size >= KEPT_MAX) return undefined;
    const candles = new Candles(this.rows, [interval], NO_EVENTS);
    candles.resize(1);
    candles.adopt(candle);
    const kept = { slot, interval, candle: candles, sinceMs: this.nowMs() };
    this.kept.set(keyOf(slot, interval, candle.words[CANDLE_AT.open_time]), kept);
    return kept;
  }

  /** The trade in the row at `record` was fetched. */
  trade(slot: number, u32: Uint32Array, record: number): void {
    const { intervals } = this.live;
    for (const [i, interval] of intervals.entries()) {
      if (this.live.addFetched(slot, i, u32, record)) continue;
      const seconds = u32[record + TRADES.at.trade_time];
      const open = seconds - (seconds % KLINE_INTERVALS[interval]);
      const kept = this.kept.get(keyOf(slot, interval, open)) ?? this.begin(slot, interval, open);
      kept?.candle.addFetched(0, 0, u32, record);
    }
  }

  /** A candle of which nothing was received; one that the gap begins in lacks what an earlier run has received of it. */
  private begin(slot: number, interval: KlineInterval, open: number): Kept | undefined {
    const words = new Uint32Array(CANDLE_WORDS);
    words[CANDLE_AT.open_time] = open;
    const whole = open > (this.gapSince(slot) ?? 0);
    words[CANDLE_AT.state] = STATE.over | STATE.unsynced | (whole ? 0 : STATE.partial);
    return this.place(slot, interval, { words, sums: new Float64Array(CANDLE_SUMS) });
  }

  /** A gap of trades is closed; `complete`: nothing of it stays missing. */
  closed({ slot }: Pick<Gap, 'slot'>, complete: boolean): void {
    if (!complete) this.lacking.add(slot);
    // the last of several gaps that may lie in one candle
    if (this.gapSince(slot) !== undefined) return;
    const whole = !this.lacking.delete(slot);
    const all = [...this.kept].filter(([, kept]) => kept.slot === slot);
    for (const [key, { interval, candle }] of all) {
      this.kept.delete(key);
      candle.settle(0, whole, this.rows, slot, [interval]);
    }
    this.live.settle(slot, whole, this.rows, slot, this.live.intervals);
  }

  /** A few times a second: what was kept in vain is let go. */
  tick(): void {
    const before = this.nowMs() - KEPT_MS;
    for (const [key, { slot, sinceMs }] of this.kept)
      if (sinceMs < before && this.gapSince(slot) === undefined) this.kept.delete(key);
  }
}

function keyOf(slot: number, interval: KlineInterval, open: number): string {
  return `${slot} ${interval} ${open}`;
}
