/**
 * HOT: from fields to columns, where every exchange does the same. Shard threads.
 */
import { parseUint } from '../base/number.js';
import { parseIsoTime, setTimeFromMicros, setTimeFromMillis, TIME_RESULT } from '../base/time.js';
import { flag } from '../schema/flags.js';
import { MD, TRADES } from '../schema/tables.js';
import type { JsonFields } from './fields.js';
import type { Rows } from './rows.js';
import { SEEN, type Sequence } from './sequence.js';

const T = TRADES.at;
const M = MD.at;
const DUPLICATE_KEPT = flag('duplicate_kept');
const SUSPECT_CLOCK = flag('suspect_clock');
/** Millisecond times stay below this until the year 5138; what is larger counts microseconds. */
const FIRST_MICROS = 1e14;

/** A number that may be absent: NaN and its missing bit then. False when it is there and is no number. */
export function optionalDecimal(
  rows: Rows,
  bytes: Uint8Array,
  fields: JsonFields,
  field: number,
  valueWord: number,
  digitsWord: number,
  position: number,
  missing: number,
): boolean {
  if (fields.present(field)) {
    return rows.decimal(valueWord, digitsWord, position, bytes, fields.from[field], fields.to[field], false);
  }
  rows.missing(valueWord, missing);
  return true;
}

/** As optionalDecimal for a column that keeps the f32 alone. */
export function optionalFloat(
  rows: Rows,
  bytes: Uint8Array,
  fields: JsonFields,
  field: number,
  word: number,
  missing: number,
): boolean {
  if (fields.present(field)) return rows.float(word, bytes, fields.from[field], fields.to[field]);
  rows.missing(word, missing);
  return true;
}

/** Which fields of an exchange's messages hold the numbers of a trade. */
export interface TradeFields {
  readonly price: number;
  readonly size: number;
}

/** Price and size of a trade, both required; false when one is no number. */
export function tradeNumbers(rows: Rows, bytes: Uint8Array, fields: JsonFields, at: TradeFields): boolean {
  const { price, size } = at;
  const { from, to } = fields;
  return (
    rows.decimal(T.trade_price, T.price_digits, 0, bytes, from[price], to[price], true) &&
    rows.decimal(T.trade_size, T.size_digits, 1, bytes, from[size], to[size], true)
  );
}

/** Which fields hold the numbers of a ticker; `volume` is what the exchange's readers have always found there. */
export interface TickerFields {
  readonly price: number;
  readonly bid: number;
  readonly ask: number;
  readonly volume: number;
  readonly lastSize: number;
  readonly volume24h: number;
}

/** The numbers of a ticker, of which only the price is required; false when one is there and is no number. */
export function tickerNumbers(rows: Rows, bytes: Uint8Array, fields: JsonFields, at: TickerFields): boolean {
  const { missing } = MD;
  return (
    rows.decimal(M.price, M.price_digits, 0, bytes, fields.from[at.price], fields.to[at.price], true) &&
    optionalDecimal(rows, bytes, fields, at.bid, M.best_bid, M.best_bid_digits, 1, missing.best_bid) &&
    optionalDecimal(rows, bytes, fields, at.ask, M.best_ask, M.best_ask_digits, 2, missing.best_ask) &&
    optionalDecimal(rows, bytes, fields, at.volume, M.volume, M.volume_digits, 3, missing.volume) &&
    optionalFloat(rows, bytes, fields, at.lastSize, M.last_size, missing.last_size) &&
    optionalFloat(rows, bytes, fields, at.volume24h, M.volume_24h, missing.volume_24h)
  );
}

/** Sets the event time from an ISO text; false when it cannot be read. */
export function isoTime(
  rows: Rows,
  bytes: Uint8Array,
  from: number,
  to: number,
  secondsWord: number,
  nanosWord: number,
): boolean {
  const result = parseIsoTime(bytes, from, to);
  if (result === TIME_RESULT.invalid) return false;
  if (result === TIME_RESULT.ok) rows.time(secondsWord, nanosWord);
  else {
    rows.timeOfReceipt(secondsWord, nanosWord);
    rows.flag(SUSPECT_CLOCK);
  }
  return true;
}

/** Sets the event time from milliseconds or microseconds since 1970; false when it cannot be read. */
export function epochTime(
  rows: Rows,
  bytes: Uint8Array,
  from: number,
  to: number,
  secondsWord: number,
  nanosWord: number,
): boolean {
  const value = to - from === 16 ? parseLongUint(bytes, from, to) : parseUint(bytes, from, to);
  if (value < 0 || !(value < FIRST_MICROS ? setTimeFromMillis(value) : setTimeFromMicros(value)))
    return false;
  rows.time(secondsWord, nanosWord);
  return true;
}

/** 16 digits, as microseconds have; still below 2^53 until the year 2255. */
function parseLongUint(bytes: Uint8Array, from: number, to: number): number {
  const high = parseUint(bytes, from, to - 4);
  const low = parseUint(bytes, to - 4, to);
  return high < 0 || low < 0 ? -1 : high * 10_000 + low;
}

/** Asks the sequence about a row that is complete; false when it is a duplicate and must not be committed. */
export function isFresh(rows: Rows, sequence: Sequence, slot: number, id: number): boolean {
  const seen = sequence.accept(slot, id);
  if (seen === SEEN.uncertain) rows.flag(DUPLICATE_KEPT);
  return seen !== SEEN.duplicate;
}
