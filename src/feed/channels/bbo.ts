/**
 * HOT: rows of best quotes from messages that list levels, of which the first of each side counts, in shard threads. The
 * exchange has the reader of its objects make room behind their keys (BEST_KEYS), copyBest() puts the levels there, and
 * the row is written like every other.
 */
import { BBO } from '../../schema/tables.js';
import { KIND } from '../json/bytes.js';
import type { JsonSlots } from '../json/slots.js';
import type { RowMapping } from '../rows/row_mapping.js';

/** No keys of any exchange, but names of places among its values, in the order in which copyBest() fills them. */
export const BEST_KEYS = ['best bid', 'best bid size', 'best ask', 'best ask size'] as const;

/** The row of which the first of these places is field `best`. */
export function quotesMapping(best: number, updateId: number, time: RowMapping['time']): RowMapping {
  return {
    table: BBO,
    columns: {
      update_id: { id: updateId },
      best_bid: { decimal: best },
      best_bid_size: { decimal: best + 1 },
      best_ask: { decimal: best + 2 },
      best_ask_size: { decimal: best + 3 },
    },
    time,
    accept: 'all',
  };
}

/**
 * From the fields `bids` and `asks` of the object at `o`, which are nested, the best levels to where field `best` is; a
 * side without levels has none.
 */
export function copyBest(
  values: JsonSlots,
  o: number,
  best: number,
  bids: number,
  bidLevels: JsonSlots,
  asks: number,
  askLevels: JsonSlots,
): void {
  copyFirst(values, o + best, bidLevels, o + bids);
  copyFirst(values, o + best + 2, askLevels, o + asks);
}

function copyFirst(values: JsonSlots, at: number, levels: JsonSlots, side: number): void {
  const first = values.from[side];
  if (first < values.to[side]) {
    values.copy(at, levels, first * levels.width);
    values.copy(at + 1, levels, first * levels.width + 1);
  } else {
    values.kind[at] = KIND.absent;
    values.kind[at + 1] = KIND.absent;
  }
}
