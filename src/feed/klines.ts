/**
 * HOT: candles as rows of KLINES, where every exchange does the same. Shard threads.
 *
 *   if (!rows.begin(table, slot)) return RESULT.ringFull;
 *   klineTime(rows, table, openSeconds, KLINE_INTERVALS['1m'], closed);
 *   if (!klineNumbers(rows, fields, base, NAMES, table)) return RESULT.badNumber;
 *   rows.commit(table);
 */
import { parseUint } from '../base/number.js';
import { flag } from '../schema/flags.js';
import type { KLINES } from '../schema/tables.js';
import type { JsonFields } from './fields.js';
import type { Rows } from './rows.js';
import { optionalDecimal } from './values.js';

export type KlineTable = (typeof KLINES)[keyof typeof KLINES];

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
  rows: Rows,
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
  rows: Rows,
  fields: JsonFields,
  base: number,
  names: KlineFields,
  table: KlineTable,
): boolean {
  const { at, missing } = table;
  const { bytes, from, to } = fields;
  const open = base + names.open;
  const high = base + names.high;
  const low = base + names.low;
  const close = base + names.close;
  const volume = base + names.volume;
  return (
    rows.decimal(at.open, at.open_digits, 0, bytes, from[open], to[open], true) &&
    rows.decimal(at.high, at.high_digits, 1, bytes, from[high], to[high], true) &&
    rows.decimal(at.low, at.low_digits, 2, bytes, from[low], to[low], true) &&
    rows.decimal(at.close, at.close_digits, 3, bytes, from[close], to[close], true) &&
    rows.decimal(at.volume, at.volume_digits, 4, bytes, from[volume], to[volume], false) &&
    extra(
      rows,
      fields,
      base,
      names.quoteVolume,
      at.quote_volume,
      at.quote_volume_digits,
      5,
      missing.quote_volume,
    ) &&
    extra(
      rows,
      fields,
      base,
      names.takerBuyBase,
      at.taker_buy_base,
      at.taker_buy_base_digits,
      6,
      missing.taker_buy_base,
    ) &&
    extra(
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

function extra(
  rows: Rows,
  fields: JsonFields,
  base: number,
  name: number | undefined,
  valueWord: number,
  digitsWord: number,
  position: number,
  missing: number,
): boolean {
  if (name !== undefined)
    return optionalDecimal(rows, fields, base + name, valueWord, digitsWord, position, missing);
  rows.missing(valueWord, missing);
  return true;
}

function trades(
  rows: Rows,
  fields: JsonFields,
  base: number,
  name: number | undefined,
  table: KlineTable,
): boolean {
  if (name === undefined || !fields.present(base + name)) {
    rows.flag(table.missing.trades);
    return true;
  }
  const count = parseUint(fields.bytes, fields.from[base + name], fields.to[base + name]);
  rows.set(table.at.trades, count);
  return count >= 0;
}
