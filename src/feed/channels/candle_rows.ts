/**
 * A candle that was added up (candles.ts) as a row of KLINES. Shard threads; cold, once per candle.
 */
import { decimalText } from '../../base/exact.js';
import { flag } from '../../schema/flags.js';
import { KLINE_INTERVALS, KLINES, type KlineInterval } from '../../schema/tables.js';
import type { RowWriter } from '../rows/row_writer.js';
import { klineTime } from './klines.js';

/** Words of a candle; prices are low and high word of their digits and the number of decimals. */
export const CANDLE_AT = {
  open_time: 0,
  state: 1,
  trades: 2,
  price_scale: 3,
  size_scale: 4,
  open: 5,
  high: 8,
  low: 11,
  close: 14,
  first_id: 17,
  last_id: 19,
} as const;
export const CANDLE_WORDS = 21;

/**
 * Doubles of a candle: sums as in base/double_double.ts, and when its first and last trade happened, ns since it began.
 */
export const SUM_AT = {
  volume: 0,
  quote_volume: 2,
  taker_buy_base: 4,
  taker_buy_quote: 6,
  first_moment: 8,
  last_moment: 9,
} as const;
export const CANDLE_SUMS = 10;

/** Bits of a candle's state. */
export const STATE = {
  /** its time is over */
  over: 1,
  /** it has changed since it was written */
  changed: 2,
  /** trades may be missing in it */
  unsynced: 4,
  /** of a trade in it the side is not known */
  sideless: 8,
  /** it began before its trades were received, or has one that cannot be added up: no repair makes it whole */
  partial: 16,
} as const;

const AGGREGATED = flag('aggregated');
const UNSYNCED = flag('unsynced');
const PRICES = ['open', 'high', 'low', 'close'] as const;
const scratch = Buffer.alloc(512);

/** Writes candle number `c`; false when the ring is full. */
export function writeCandle(
  rows: RowWriter,
  slot: number,
  interval: KlineInterval,
  words: Uint32Array,
  sums: Float64Array,
  c: number,
): boolean {
  const table = KLINES[interval];
  const { at, missing } = table;
  const w = c * CANDLE_WORDS;
  const state = words[w + CANDLE_AT.state];
  if (!rows.begin(table, slot)) return false;
  klineTime(rows, table, words[w + CANDLE_AT.open_time], KLINE_INTERVALS[interval], true);
  const exact = (name: (typeof table.exactNumbers)[number], digits: bigint, decimals: number) => {
    const column = name as keyof typeof at;
    const digitsWord = at[`${name}_digits` as keyof typeof at];
    const length = scratch.write(decimalText(digits, decimals), 'latin1');
    rows.decimal(at[column], digitsWord, table.exactNumbers.indexOf(name), scratch, 0, length, false);
  };
  for (const name of PRICES) {
    const p = w + CANDLE_AT[name];
    exact(name, (BigInt(words[p + 1]) << 32n) | BigInt(words[p]), words[p + 2]);
  }
  const sum = (name: 'volume' | 'quote_volume' | 'taker_buy_base' | 'taker_buy_quote', decimals: number) => {
    const s = c * CANDLE_SUMS + SUM_AT[name];
    exact(name, BigInt(sums[s]) + BigInt(sums[s + 1]), decimals);
  };
  const base = words[w + CANDLE_AT.size_scale];
  const quote = base + words[w + CANDLE_AT.price_scale];
  sum('volume', base);
  sum('quote_volume', quote);
  if ((state & STATE.sideless) === 0) {
    sum('taker_buy_base', base);
    sum('taker_buy_quote', quote);
  } else {
    rows.missing(at.taker_buy_base, missing.taker_buy_base);
    rows.missing(at.taker_buy_quote, missing.taker_buy_quote);
  }
  rows.set(at.trades, words[w + CANDLE_AT.trades]);
  rows.flag((state & STATE.unsynced) === 0 ? AGGREGATED : AGGREGATED | UNSYNCED);
  rows.commit(table);
  return true;
}
