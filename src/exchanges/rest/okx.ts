/**
 * What OKX lists: `instruments`. What OKX has missed: the single trades of the last three months, by their ids, from
 * the newest to the oldest, and candles by time. `before` alone would give the newest page. Sums of trades are not
 * kept. Used by okx.ts.
 */
import {
  type BackfillRecipe,
  type FetchJson,
  isWanted,
  type SymbolInfo,
  type SymbolState,
} from '../../feed/exchange.js';
import { isObject, millisOf, objectsOf, stringOf } from '../../feed/json/document.js';
import { KLINE_INTERVALS, type KlineInterval } from '../../schema/tables.js';

const INSTRUMENT_KEYS = ['instId', 'baseCcy', 'quoteCcy', 'state', 'tickSz', 'lotSz'];
/** What is none of these is an interruption: suspend, rebase, settling … */
const STATES: Readonly<Record<string, SymbolState>> = {
  live: 'trading',
  post_only: 'trading',
  preopen: 'pre_trading',
  expired: 'delisted',
};

export async function listSymbols(fetchJson: FetchJson): Promise<SymbolInfo[]> {
  const answer = await fetchJson('/api/v5/public/instruments?instType=SPOT');
  const instruments = isObject(answer) && Array.isArray(answer.data) ? answer.data.filter(isObject) : [];
  return instruments.flatMap((entry) => {
    const [native, base, quote, status, tick, lot] = INSTRUMENT_KEYS.map((key) => stringOf(entry, key) ?? '');
    if (native === '' || status === 'test') return [];
    const listedMs = millisOf(entry, 'listTime');
    return [{ native, base, quote, status, tick, lot, listedMs, state: STATES[status] ?? 'halted' }];
  });
}

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
