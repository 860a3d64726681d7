/**
 * What OKX has missed: the single trades of the last three months, by their ids, from the newest to the oldest, and
 * candles by time. `before` alone would give the newest page. Sums of trades are not kept. Used by okx.ts.
 */
import { type BackfillRecipe, isWanted } from '../../feed/exchange.js';
import { isObject, objectsOf } from '../../feed/json/document.js';
import { KLINE_INTERVALS, type KlineInterval } from '../../schema/tables.js';

const PAGE_ROWS = 100;

const trades: BackfillRecipe = {
  channel: 'trades',
  pages: 'down',
  path: (native, { id }) =>
    `/api/v5/market/history-trades?instId=${encodeURIComponent(native)}&type=1&after=${id}&limit=${PAGE_ROWS}`,
  messages: (document, native) => {
    if (!isObject(document) || document.code !== '0' || !Array.isArray(document.data)) return undefined;
    const arg = { channel: 'trades-all', instId: native };
    return { messages: objectsOf(document.data).map((row) => ({ arg, data: [row] })) };
  },
};

/** Candles by time, from the newest to the oldest; `channel`: their name, e.g. candle1m. */
function candles(interval: KlineInterval, channel: string): BackfillRecipe {
  const bar = channel.slice('candle'.length);
  return {
    channel: `klines_${interval}`,
    pages: 'down',
    candleSeconds: KLINE_INTERVALS[interval],
    path: (native, { cursor, seconds, untilSeconds }) =>
      `/api/v5/market/history-candles?instId=${encodeURIComponent(native)}&bar=${bar}&after=${cursor ?? untilSeconds * 1000}&before=${seconds * 1000 - 1}&limit=${PAGE_ROWS}`,
    messages: (document, native, request) => {
      if (!isObject(document) || document.code !== '0' || !Array.isArray(document.data)) return undefined;
      const arg = { channel, instId: native };
      const rows = document.data.filter((row) => Array.isArray(row));
      const messages = rows
        .filter(([open]) => isWanted(Number(open) / 1000, request))
        .map((row) => ({ arg, data: [row] }));
      const oldest = rows.at(-1)?.[0];
      return rows.length < PAGE_ROWS ? { messages } : { messages, cursor: String(oldest) };
    },
  };
}

/** `channels`: names of the channels of candles. */
export function backfill(channels: Readonly<Record<KlineInterval, string>>): readonly BackfillRecipe[] {
  const intervals = Object.keys(channels) as KlineInterval[];
  return [trades, ...intervals.map((interval) => candles(interval, channels[interval]))];
}
