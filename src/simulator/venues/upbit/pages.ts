/**
 * Upbit's pages of past trades, by time of the day or behind an id.
 * Runs in the simulator process; used by rest.ts.
 */
import { BUY, type PastTrade, type SymbolMarket } from '../../market/market.js';
import { decimalText } from '../../server/protocol.js';
import { IDS_PER_MS, LATE_MS, matchedMs } from './trades.js';

const PAGE_MAX = 500;
const DAY_MS = 86_400_000;
const SECOND_MS = 1000;

function sequentialId({ id, time_us }: PastTrade): bigint {
  return BigInt(matchedMs(id, time_us)) * BigInt(IDS_PER_MS) + BigInt(id % IDS_PER_MS);
}

/** Which trades a request asks for. */
export interface PageRequest {
  readonly count: number;
  /** trades in front of this id */
  readonly before: bigint;
  /** first millisecond of the day asked for */
  readonly day_ms: number;
}

/** What is asked for; undefined when a parameter is no such thing. */
export function readPageRequest(query: URLSearchParams, now_ms: number): PageRequest | undefined {
  const whole = (name: string, fallback: number, max: number) => {
    const text = query.get(name) ?? String(fallback);
    return /^\d{1,9}$/.test(text) && Number(text) <= max ? Number(text) : Number.NaN;
  };
  const count = Math.min(whole('count', 1, 1e9), PAGE_MAX);
  const days = whole('days_ago', 0, 7);
  const day_ms = (Math.floor(now_ms / DAY_MS) - days) * DAY_MS;
  const [, hours, minutes, seconds] = /^(\d\d):?(\d\d):?(\d\d)$/.exec(query.get('to') ?? '23:59:59') ?? [];
  const cursor = query.get('cursor') ?? '';
  const to_ms = day_ms + ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * SECOND_MS;
  if (!(count >= 1) || Number.isNaN(to_ms) || !/^\d{0,20}$/.test(cursor)) return undefined;
  const by_time = BigInt(to_ms + SECOND_MS) * BigInt(IDS_PER_MS);
  return { count, before: cursor === '' ? by_time : BigInt(cursor), day_ms };
}

/** Past trades, the newest first. */
function page(symbol: SymbolMarket, { count, before, day_ms }: PageRequest): PastTrade[] {
  const found: PastTrade[] = [];
  let oldest_ms = Number.NEGATIVE_INFINITY;
  for (let id = symbol.last_id; id >= 1; id--) {
    // between those before the simulation and the kept ones some are forgotten
    const trade = symbol.past(id) ?? symbol.past((id = symbol.listing.last_trade_id - 1));
    // behind a trade that was published late there may be younger ones
    if (trade === undefined || trade.time_us < Math.max(oldest_ms - LATE_MS, day_ms) * SECOND_MS) break;
    if (sequentialId(trade) >= before || matchedMs(trade.id, trade.time_us) < day_ms) continue;
    found.push(trade);
    if (found.length === count) oldest_ms = matchedMs(trade.id, trade.time_us);
  }
  found.sort((a, b) => (sequentialId(a) > sequentialId(b) ? -1 : 1));
  return found.slice(0, count);
}

/** The answer, as text: its ids are beyond what a number holds. */
export function pageText(symbol: SymbolMarket, request: PageRequest): string {
  const { name, price_scale, size_scale } = symbol.listing;
  const rows = page(symbol, request).map((trade) => {
    const time_ms = matchedMs(trade.id, trade.time_us);
    const [date, time] = new Date(time_ms).toISOString().split('T');
    const price = (ticks: number) => Number(decimalText(ticks, price_scale));
    const row = JSON.stringify({
      market: name,
      trade_date_utc: date,
      trade_time_utc: time.slice(0, 8),
      timestamp: time_ms,
      trade_price: price(trade.price_ticks),
      trade_volume: Number(decimalText(trade.size_lots, size_scale)),
      prev_closing_price: price(symbol.open),
      change_price: Number((price(trade.price_ticks) - price(symbol.open)).toFixed(price_scale)),
      ask_bid: trade.side === BUY ? 'BID' : 'ASK',
    });
    return `${row.slice(0, -1)},"sequential_id":${sequentialId(trade)}}`;
  });
  return `[${rows.join(',')}]`;
}
