/**
 * HOT: candles as rows of KLINES, where every exchange does the same. Shard threads.
 *
 *   if (!rows.begin(table, slot)) return RESULT.ringFull;
 *   klineTime(rows, table, openSeconds, KLINE_INTERVALS['1m'], closed);
 *   if (!klineNumbers(rows, fields, base, NAMES, table)) return RESULT.badNumber;
 *   rows.commit(table);
 */
import { parseUint } from '../../base/number.js';
import { flag } from '../../schema/flags.js';
import { KLINE_INTERVALS, KLINES, type KlineInterval } from '../../schema/tables.js';
import type { Sequence } from '../continuity/sequence.js';
import type { Channel } from '../exchange.js';
import type { JsonFields } from '../json/fields.js';
import { isMissing } from '../json/none.js';
import type { JsonSlots } from '../json/slots.js';
import type { RowWriter } from '../rows/row_writer.js';
import { namedDecimal } from '../rows/values.js';

export type KlineTable = (typeof KLINES)[KlineInterval];

/** The channels of candles of an exchange: `klines_1m` and so on. */
export function klineChannels(intervals: readonly KlineInterval[], route?: string): Record<string, Channel> {
  return Object.fromEntries(
    intervals.map((interval): [string, Channel] => [
      klineChannel(interval),
      { table: KLINES[interval], ids: 'none', interval, route },
    ]),
  );
}

export function klineChannel(interval: KlineInterval): string {
  return `klines_${interval}`;
}

/** One interval of candles that is subscribed. */
export interface Candles {
  readonly table: KlineTable;
  /** length of a candle */
  readonly seconds: number;
  readonly sequence: Sequence;
}

/** The subscribed intervals by what messages call them. */
export class CandleChannels {
  private readonly candles: (Candles & { readonly text: Uint8Array })[] = [];

  constructor(
    sequences: ReadonlyMap<string, Sequence>,
    nameOf: (interval: KlineInterval) => string = String,
  ) {
    for (const interval of Object.keys(KLINES) as KlineInterval[]) {
      const sequence = sequences.get(klineChannel(interval));
      if (sequence === undefined) continue;
      const text = Buffer.from(nameOf(interval));
      this.candles.push({ text, table: KLINES[interval], seconds: KLINE_INTERVALS[interval], sequence });
    }
  }

  /** The interval whose name is the string at `at`; undefined when it is not subscribed. */
  find(fields: JsonFields, at: number): Candles | undefined {
    const { candles } = this;
    for (let c = 0; c < candles.length; c++) if (fields.equals(at, candles[c].text)) return candles[c];
    return undefined;
  }
}

/** Which fields hold the numbers of a candle; what an exchange does not send is left out. */
export interface KlineFields {
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly quoteVolume?: number;
  readonly takerBuyBase?: number;
  readonly takerBuyQuote?: number;
  readonly trades?: number;
}

const CLOSED = flag('closed');

/** The candle begins at `seconds` and is `length` seconds long; `closed`: the exchange says that it is finished. */
export function klineTime(
  rows: RowWriter,
  table: KlineTable,
  seconds: number,
  length: number,
  closed: boolean,
): void {
  rows.openTime(table.at.open_time, seconds, length);
  rows.set(table.at.close_time, seconds + length);
  if (closed) rows.flag(CLOSED);
}

/** The numbers of a candle into a row of `table`; `base` is the first value of the object. False when one is none. */
export function klineNumbers(
  rows: RowWriter,
  fields: JsonSlots,
  base: number,
  names: KlineFields,
  table: KlineTable,
): boolean {
  const { at, missing } = table;
  return (
    rows.decimalAt(fields, base + names.open, at.open, at.open_digits, 0, true) &&
    rows.decimalAt(fields, base + names.high, at.high, at.high_digits, 1, true) &&
    rows.decimalAt(fields, base + names.low, at.low, at.low_digits, 2, true) &&
    rows.decimalAt(fields, base + names.close, at.close, at.close_digits, 3, true) &&
    rows.decimalAt(fields, base + names.volume, at.volume, at.volume_digits, 4, false) &&
    namedDecimal(
      rows,
      fields,
      base,
      names.quoteVolume,
      at.quote_volume,
      at.quote_volume_digits,
      5,
      missing.quote_volume,
    ) &&
    namedDecimal(
      rows,
      fields,
      base,
      names.takerBuyBase,
      at.taker_buy_base,
      at.taker_buy_base_digits,
      6,
      missing.taker_buy_base,
    ) &&
    namedDecimal(
      rows,
      fields,
      base,
      names.takerBuyQuote,
      at.taker_buy_quote,
      at.taker_buy_quote_digits,
      7,
      missing.taker_buy_quote,
    ) &&
    trades(rows, fields, base, names.trades, table)
  );
}

function trades(
  rows: RowWriter,
  fields: JsonSlots,
  base: number,
  name: number | undefined,
  table: KlineTable,
): boolean {
  if (name === undefined || isMissing(fields, base + name)) {
    rows.flag(table.missing.trades);
    return true;
  }
  const count = parseUint(fields.bytes, fields.from[base + name], fields.to[base + name]);
  rows.set(table.at.trades, count);
  return count >= 0;
}
