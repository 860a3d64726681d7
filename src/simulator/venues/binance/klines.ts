/** A candle of Binance over REST. Runs in the simulator process; used by rest.ts. */
import type { PastCandle } from '../../server/rest.js';

/** How the venue writes numbers. */
export interface KlineTexts {
  price(ticks: number): string;
  size(lots: number): string;
  quote(units: number): string;
}

export function klineRow(at: PastCandle, { price, size, quote }: KlineTexts): unknown[] {
  return [
    at('open_time') * 1000,
    ...[price(at('open')), price(at('high')), price(at('low')), price(at('close')), size(at('volume'))],
    at('close_time') * 1000 - 1,
    quote(at('quote_volume')),
    at('trades'),
    size(at('taker_buy_base')),
    quote(at('taker_buy_quote')),
    '0',
  ];
}
