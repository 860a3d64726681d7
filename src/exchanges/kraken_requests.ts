/**
 * What is said to Kraken: subscriptions in its terms, and its list of pairs. Cold; used by kraken.ts in shard threads and
 * on the main thread.
 */
import { LoggerError } from '../base/errors.js';
import { bookRule } from '../book/rules.js';
import type { Channel, ControlRequest, FetchJson, Subscription, SymbolInfo } from '../feed/exchange.js';
import { isObject, type JsonObject, stringOf } from '../feed/json.js';
import { KLINE_INTERVALS, KLINES, type KlineInterval } from '../schema/tables.js';

export const ID = 'kraken';
export const RULE = bookRule(ID);
const SYMBOLS_PER_REQUEST = 100;

/** There are no candles of 3 minutes. */
const INTERVALS = (Object.keys(KLINE_INTERVALS) as KlineInterval[]).filter((name) => name !== '3m');

export const CANDLE_CHANNELS: Readonly<Record<string, Channel & { readonly interval: KlineInterval }>> =
  Object.fromEntries(
    INTERVALS.map((interval) => [
      `klines_${interval}`,
      { table: KLINES[interval], ids: 'none', interval } as const,
    ]),
  );

/** Parameters of each channel of ours; those of an acknowledgement are the same. */
export const WIRE: Readonly<Record<string, Readonly<Record<string, string | number>>>> = {
  trades: { channel: 'trade' },
  ticker: { channel: 'ticker', event_trigger: 'trades' },
  bbo: { channel: 'ticker', event_trigger: 'bbo' },
  book: { channel: 'book', depth: RULE.depth },
  ...Object.fromEntries(
    INTERVALS.map((name) => [`klines_${name}`, { channel: 'ohlc', interval: KLINE_INTERVALS[name] / 60 }]),
  ),
};

/** One message per channel and so many symbols; the snapshot of trades bridges a short disconnect. */
export function request(
  method: 'subscribe' | 'unsubscribe',
  subscriptions: readonly Subscription[],
  firstId: number,
): ControlRequest[] {
  const byChannel = new Map<string, Subscription[]>();
  for (const s of subscriptions) byChannel.set(s.channel, [...(byChannel.get(s.channel) ?? []), s]);
  const requests: ControlRequest[] = [];
  for (const [channel, all] of byChannel) {
    for (let i = 0; i < all.length; i += SYMBOLS_PER_REQUEST) {
      const covers = all.slice(i, i + SYMBOLS_PER_REQUEST);
      const id = firstId + requests.length;
      const symbol = covers.map((s) => s.native);
      const snapshot = method === 'subscribe' ? { snapshot: true } : {};
      const params = { ...WIRE[channel], symbol, ...snapshot };
      requests.push({ id, text: JSON.stringify({ method, params, req_id: id }), covers });
    }
  }
  return requests;
}

/** The older interfaces, REST among them, call these two by other names. */
const NAMES: Readonly<Record<string, string>> = { XBT: 'BTC', XDG: 'DOGE' };

function symbolOf({ wsname }: JsonObject): SymbolInfo | undefined {
  if (typeof wsname !== 'string' || !/^[^/]+\/[^/]+$/.test(wsname)) return undefined;
  const [base, quote] = wsname.split('/').map((name) => NAMES[name] ?? name);
  return { native: `${base}/${quote}`, base, quote };
}

/** Errors come with HTTP status 200. */
export async function listSymbols(fetchJson: FetchJson): Promise<SymbolInfo[]> {
  const answer = await fetchJson('/0/public/AssetPairs');
  const pairs = isObject(answer) ? answer.result : undefined;
  if (!isObject(answer) || !isObject(pairs)) {
    const errors = isObject(answer) && Array.isArray(answer.error) ? answer.error.join(', ') : 'no pairs';
    throw new LoggerError('REST_FAILED', `GET /0/public/AssetPairs of Kraken: ${errors}`);
  }
  return Object.values(pairs)
    .filter(isObject)
    .filter((pair) => (stringOf(pair, 'status') ?? 'online') === 'online')
    .map(symbolOf)
    .filter((symbol) => symbol !== undefined);
}
