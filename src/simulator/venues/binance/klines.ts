/** Finished candles of Binance over REST, by time, from the oldest to the newest. Runs in the simulator process; rest.ts. */
import { CANDLE_AT } from '../../market/candles.js';
import { INTERVALS } from '../../market/channels.js';
import type { SymbolMarket } from '../../market/market.js';

/** How the venue writes numbers. */
export interface KlineTexts {
  price(ticks: number): string;
  size(lots: number): string;
  quote(units: number): string;
}

/** Rows of an interval that begin from `from_ms` to `to_ms`; undefined when there is no such interval. */
export function klineRows(
  { candles }: SymbolMarket,
  name: string,
  from_ms: number,
  to_ms: number,
  count: number,
  { price, size, quote }: KlineTexts,
): unknown[][] | undefined {
  const interval = (INTERVALS as readonly string[]).indexOf(name);
  if (interval < 0) return undefined;
  const rows: unknown[][] = [];
  for (let age = candles.kept(interval) - 1; age >= 0 && rows.length < count; age--) {
    const at = (word: keyof typeof CANDLE_AT) => candles.wordAt(interval, age, CANDLE_AT[word]);
    const open_ms = at('open_time') * 1000;
    if (open_ms < from_ms || open_ms > to_ms) continue;
    rows.push([
      open_ms,
      ...[price(at('open')), price(at('high')), price(at('low')), price(at('close')), size(at('volume'))],
      at('close_time') * 1000 - 1,
      quote(at('quote_volume')),
      at('trades'),
      size(at('taker_buy_base')),
      quote(at('taker_buy_quote')),
      '0',
    ]);
  }
  return rows;
}
