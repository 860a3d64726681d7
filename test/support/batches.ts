/** Batches of made-up trades, for tests of targets. */
import { Batch } from '../../src/delivery/batch.js';
import { type Place, placeOf } from '../../src/delivery/place.js';
import { RecordView } from '../../src/delivery/record_view.js';
import { TRADES } from '../../src/schema/tables.js';

/** 2026-11-21 */
export const DAY = 20_778;
export const DAY_SECONDS = DAY * 86_400;

export function tradesOf(exchange: string, directory: string, symbol: string, day = DAY): Place {
  return placeOf({ exchange, directory, symbol }, TRADES, day, () => undefined);
}

export interface MadeTrade {
  readonly place: Place;
  readonly row: number;
  /** seconds since 1970; that of the row within the day unless named */
  readonly received?: number;
  /** of a price that fits no digits */
  readonly priceText?: string;
}

const PRICE = TRADES.columns.findIndex(({ name }) => name === 'trade_price');

/** Prices from 1000.0 on, in steps of 0.1; ids beyond what a double or a signed number holds. */
export function batchOf(trades: readonly MadeTrade[]): Batch {
  const batch = new Batch();
  const { at } = TRADES;
  for (const { place, row, received = DAY_SECONDS + row, priceText } of trades) {
    const words = new Uint32Array(TRADES.words);
    words[at.trade_id] = row;
    words[at.trade_id + 1] = 0xffff_ffff;
    words[at.trade_time] = words[at.recv_time] = received;
    words[at.trade_nanos] = 123_456_789;
    words[at.price_digits] = 10_000 + row;
    words[at.size_digits] = 5;
    words[at.scales] = 1 | (1 << 8);
    const view = new RecordView();
    view.show(words, 0, place, row);
    if (priceText !== undefined) view.texts = new Map([[PRICE, priceText]]);
    batch.add(view);
  }
  return batch;
}
