/**
 * Coinbase Exchange as its clients see it: `ws-feed` and the public REST calls. Texts and key orders are those of
 * recorded traffic (2021 to 2026). `match` carries the maker's side, `ticker` the taker's.
 * HOT: compose() runs per message. Runs in the simulator process; used by venue.ts through protocol.ts.
 */
import { ACCOUNT_FLAGS, type EventValues } from './account.js';
import {
  IsoTime,
  powerOfTen,
  putByte,
  putDecimal,
  putDecimalPadded,
  putHex16,
  putText,
  putUint,
  Text,
  trimmedScale,
} from './bytes.js';
import { catalogue, type Listing } from './catalogue.js';
import type { Channel } from './channels.js';
import { CoinbaseRest, DELISTED, HALTED, isDelisted, isoMicros } from './coinbase-rest.js';
import { BUY, type SymbolMarket } from './market.js';
import { decimalText, type Link, type Session, type VenueProtocol, type VenueView } from './protocol.js';
import { ORDER_ROLES, orderIdWord } from './random.js';

const MATCH = new Text('{"type":"match","trade_id":');
const MAKER = new Text(',"maker_order_id":"');
const TAKER = new Text('","taker_order_id":"');
const MATCH_SIDE_SELL = new Text('","side":"sell","size":"');
const MATCH_SIDE_BUY = new Text('","side":"buy","size":"');
const PRICE = new Text('","price":"');
const PRODUCT = new Text('","product_id":"');
const SEQUENCE = new Text('","sequence":');
const TIME = new Text(',"time":"');
const END = new Text('"}');
const TICKER = new Text('{"type":"ticker","sequence":');
const TICKER_PRODUCT = new Text(',"product_id":"');
const OPEN = new Text('","open_24h":"');
const VOLUME = new Text('","volume_24h":"');
const LOW = new Text('","low_24h":"');
const HIGH = new Text('","high_24h":"');
const VOLUME_30D = new Text('","volume_30d":"');
const BEST_BID = new Text('","best_bid":"');
const BEST_BID_SIZE = new Text('","best_bid_size":"');
const BEST_ASK = new Text('","best_ask":"');
const BEST_ASK_SIZE = new Text('","best_ask_size":"');
const TICKER_SIDE_BUY = new Text('","side":"buy","time":"');
const TICKER_SIDE_SELL = new Text('","side":"sell","time":"');
const TICKER_TRADE = new Text('","trade_id":');
const LAST_SIZE = new Text(',"last_size":"');

const SIZE_DECIMALS = 8;
const DASH = 45;
const iso = new IsoTime();
/** for texts outside the hot path */
const scratch = new DataView(new ArrayBuffer(64));

/** Writes a number without zeros at its end, as the venue does for prices and sizes of trades. */
function putTrimmed(out: DataView, at: number, units: number, scale: number): number {
  const left = trimmedScale(units, scale);
  return putDecimal(out, at, units / powerOfTen(scale - left), left);
}

/** putTrimmed that also keeps the literal in `event`. */
function putNoted(
  out: DataView,
  at: number,
  units: number,
  scale: number,
  event: EventValues,
  i: number,
): number {
  const left = trimmedScale(units, scale);
  const digits = units / powerOfTen(scale - left);
  event.set(i, digits, left);
  return putDecimal(out, at, digits, left);
}

/** A UUID in its text form, 8-4-4-4-12. */
function putOrderId(out: DataView, at: number, hash: number, id: number, role: number): number {
  const low = id >>> 0;
  const first = orderIdWord(hash, low, role, 0);
  const second = orderIdWord(hash, low, role, 1);
  const third = orderIdWord(hash, low, role, 2);
  const fourth = orderIdWord(hash, low, role, 3);
  let p = putHex16(out, putHex16(out, at, first >>> 16), first);
  p = putByte(out, p, DASH);
  p = putHex16(out, p, second >>> 16);
  p = putByte(out, p, DASH);
  p = putHex16(out, p, second);
  p = putByte(out, p, DASH);
  p = putHex16(out, p, third >>> 16);
  p = putByte(out, p, DASH);
  return putHex16(out, putHex16(out, putHex16(out, p, third), fourth >>> 16), fourth);
}

function composeMatch(symbol: SymbolMarket, out: DataView, start: number, event: EventValues): number {
  const { price_scale, size_scale } = symbol.listing;
  const id = symbol.last_id;
  let p = putUint(out, putText(out, start, MATCH), id);
  p = putOrderId(out, putText(out, p, MAKER), symbol.hash, id, ORDER_ROLES.maker);
  p = putOrderId(out, putText(out, p, TAKER), symbol.hash, id, ORDER_ROLES.taker);
  p = putText(out, p, symbol.last_side === BUY ? MATCH_SIDE_SELL : MATCH_SIDE_BUY);
  p = putNoted(out, p, symbol.last_size, size_scale, event, 1);
  p = putNoted(out, putText(out, p, PRICE), symbol.last_price, price_scale, event, 0);
  p = putText(out, putText(out, p, PRODUCT), symbol.name_text);
  p = putUint(out, putText(out, p, SEQUENCE), symbol.sequence);
  p = iso.put(out, putText(out, p, TIME), symbol.last_time_us);
  p = putText(out, p, END);
  event.setId(id);
  event.number = id;
  event.flags = ACCOUNT_FLAGS.order_ids;
  event.side = symbol.last_side;
  event.setTime(symbol.last_time_us);
  return p;
}

function composeTicker(symbol: SymbolMarket, out: DataView, start: number, event: EventValues): number {
  const { price_scale, size_scale } = symbol.listing;
  const month = symbol.volume + symbol.listing.volume_lots * 29;
  let p = putUint(out, putText(out, start, TICKER), symbol.sequence);
  p = putText(out, putText(out, p, TICKER_PRODUCT), symbol.name_text);
  p = putNoted(out, putText(out, p, PRICE), symbol.last_price, price_scale, event, 0);
  p = putTrimmed(out, putText(out, p, OPEN), symbol.open, price_scale);
  p = putDecimalPadded(out, putText(out, p, VOLUME), symbol.volume, size_scale, SIZE_DECIMALS);
  p = putTrimmed(out, putText(out, p, LOW), symbol.low, price_scale);
  p = putTrimmed(out, putText(out, p, HIGH), symbol.high, price_scale);
  p = putDecimalPadded(out, putText(out, p, VOLUME_30D), month, size_scale, SIZE_DECIMALS);
  p = putDecimal(out, putText(out, p, BEST_BID), symbol.bid, price_scale);
  p = putDecimalPadded(out, putText(out, p, BEST_BID_SIZE), symbol.bid_size, size_scale, SIZE_DECIMALS);
  p = putDecimal(out, putText(out, p, BEST_ASK), symbol.ask, price_scale);
  p = putDecimalPadded(out, putText(out, p, BEST_ASK_SIZE), symbol.ask_size, size_scale, SIZE_DECIMALS);
  p = putText(out, p, symbol.last_side === BUY ? TICKER_SIDE_BUY : TICKER_SIDE_SELL);
  p = iso.put(out, p, symbol.last_time_us);
  p = putUint(out, putText(out, p, TICKER_TRADE), symbol.last_id);
  p = putNoted(out, putText(out, p, LAST_SIZE), symbol.last_size, size_scale, event, 3);
  p = putText(out, p, END);
  event.side = symbol.last_side;
  event.setTime(symbol.last_time_us);
  event.set(1, symbol.bid, price_scale);
  event.set(2, symbol.ask, price_scale);
  event.set(4, event.digits[3], event.scales[3]);
  event.set(5, symbol.volume * powerOfTen(SIZE_DECIMALS - size_scale), SIZE_DECIMALS);
  return p;
}

/** `last_match`: the newest trade as history. */
function lastMatchText(symbol: SymbolMarket): string {
  const side = symbol.last_side === BUY ? 'sell' : 'buy';
  const { price_scale, size_scale } = symbol.listing;
  const trimmed = (units: number, scale: number) => {
    const left = trimmedScale(units, scale);
    return decimalText(units / powerOfTen(scale - left), left);
  };
  return JSON.stringify({
    type: 'last_match',
    trade_id: symbol.last_id,
    maker_order_id: orderIdText(symbol, symbol.last_id, ORDER_ROLES.maker),
    taker_order_id: orderIdText(symbol, symbol.last_id, ORDER_ROLES.taker),
    side,
    size: trimmed(symbol.last_size, size_scale),
    price: trimmed(symbol.last_price, price_scale),
    product_id: symbol.listing.name,
    sequence: symbol.sequence,
    time: isoMicros(symbol.last_time_us),
  });
}

function orderIdText(symbol: SymbolMarket, id: number, role: number): string {
  const end = putOrderId(scratch, 0, symbol.hash, id, role);
  return Buffer.from(scratch.buffer, 0, end).toString('latin1');
}

/** Names a client may use, and what the acknowledgement calls them. */
const CHANNEL_NAMES = new Map([
  ['matches', 'matches'],
  ['ticker', 'ticker'],
  ['heartbeat', 'heartbeat'],
  ['ticker_batch', 'ticker_1000'],
  ['ticker_1000', 'ticker_1000'],
  ['level2_batch', 'level2_50'],
  ['level2_50', 'level2_50'],
  ['status', 'status'],
  ['auctionfeed', 'auctionfeed'],
]);
const NEEDS_LOGIN = new Set(['level2', 'level3', 'full']);
const DATA_CHANNELS = new Map<string, Channel>([
  ['matches', 'trades'],
  ['ticker', 'ticker'],
]);

interface Wanted {
  readonly name: string;
  readonly products: readonly string[];
}

function subscriptionError(reason: string): string {
  return JSON.stringify({ type: 'error', message: 'Failed to subscribe', reason });
}

class CoinbaseSession implements Session {
  readonly #venue: VenueView;
  readonly #link: Link;
  /** channel, as acknowledged, to products */
  readonly #state = new Map<string, Set<string>>();
  readonly #opened_ms: number;
  #heartbeat_ms: number;
  #subscribed = false;

  constructor(venue: VenueView, link: Link, now_ms: number) {
    this.#venue = venue;
    this.#link = link;
    this.#opened_ms = now_ms;
    this.#heartbeat_ms = now_ms + venue.timings.heartbeat_ms;
  }

  get active(): boolean {
    return this.#state.size > 0;
  }

  message(text: string): void {
    let request: unknown;
    try {
      request = JSON.parse(text);
    } catch {
      request = undefined;
    }
    if (typeof request !== 'object' || request === null || Array.isArray(request)) {
      this.#link.send('{"type":"error","message":"Malformed JSON"}');
      return;
    }
    const { type } = request as { type?: unknown };
    if (type === 'subscribe') this.#subscribe(wantedOf(request as Record<string, unknown>));
    else if (type === 'unsubscribe') this.#unsubscribe(wantedOf(request as Record<string, unknown>));
    else this.#link.send(subscriptionError(`${String(type)} is not a valid type`));
  }

  ping(): void {}
  pong(): void {}

  tick(now_ms: number): void {
    const { subscribe_deadline_ms, heartbeat_ms } = this.#venue.timings;
    if (!this.#subscribed && subscribe_deadline_ms > 0 && now_ms - this.#opened_ms >= subscribe_deadline_ms) {
      this.#link.end(1000, '');
      return;
    }
    if (now_ms < this.#heartbeat_ms) return;
    // keeps to the second; after a stall it does not make up for what it left out
    this.#heartbeat_ms = now_ms + heartbeat_ms - ((now_ms - this.#heartbeat_ms) % heartbeat_ms);
    const products = this.#state.get('heartbeat');
    if (products === undefined) return;
    this.#link.cork(() => {
      for (const product of products) this.#heartbeat(product, now_ms);
    });
  }

  #heartbeat(product: string, now_ms: number): void {
    const symbol = this.#venue.symbols.get(product);
    if (symbol === undefined) return;
    const heartbeat = {
      type: 'heartbeat',
      last_trade_id: symbol.last_id,
      product_id: product,
      sequence: symbol.sequence,
      time: isoMicros(now_ms * 1000),
    };
    this.#link.send(JSON.stringify(heartbeat));
  }

  #subscribe(wanted: readonly Wanted[]): void {
    this.#subscribed = true;
    let accepted = false;
    const history: [Channel, SymbolMarket][] = [];
    for (const { name, products } of wanted) {
      const acknowledged = CHANNEL_NAMES.get(name);
      if (NEEDS_LOGIN.has(name)) {
        this.#link.send(
          subscriptionError(
            'level2, level3, and full channels now require authentication. https://docs.cloud.coinbase.com/exchange/docs/websocket-auth',
          ),
        );
        continue;
      }
      if (acknowledged === undefined) {
        this.#link.send(subscriptionError(`${name} is not a valid channel`));
        continue;
      }
      for (const product of products) {
        if (!this.#isListed(product)) {
          this.#link.send(subscriptionError(`${product} is not a valid product`));
          continue;
        }
        accepted = true;
        if (this.#add(acknowledged, product)) {
          const symbol = this.#venue.symbols.get(product);
          const channel = DATA_CHANNELS.get(acknowledged);
          if (symbol !== undefined && channel !== undefined) history.push([channel, symbol]);
        }
      }
      if (acknowledged === 'status') {
        accepted = true;
        this.#state.set(acknowledged, new Set());
      }
    }
    if (!accepted) return;
    this.#acknowledge();
    this.#link.cork(() => {
      for (const [channel, symbol] of history) {
        this.#link.subscribe(symbol, channel);
        if (channel === 'ticker') this.#link.snapshot(symbol, channel);
        else this.#link.send(lastMatchText(symbol));
      }
    });
  }

  #unsubscribe(wanted: readonly Wanted[]): void {
    for (const { name, products } of wanted) {
      const acknowledged = CHANNEL_NAMES.get(name) ?? name;
      const state = this.#state.get(acknowledged);
      if (state === undefined) continue;
      for (const product of products.length === 0 ? [...state] : products) {
        state.delete(product);
        const symbol = this.#venue.symbols.get(product);
        const channel = DATA_CHANNELS.get(acknowledged);
        if (symbol !== undefined && channel !== undefined) this.#link.unsubscribe(symbol, channel);
      }
      if (state.size === 0) this.#state.delete(acknowledged);
    }
    this.#acknowledge();
  }

  #isListed(product: string): boolean {
    return (
      this.#venue.symbols.has(product) ||
      this.#venue.listings.some(
        ({ name, closed }) => name === product && closed === true && !isDelisted(name),
      )
    );
  }

  #add(channel: string, product: string): boolean {
    const products = this.#state.get(channel) ?? new Set();
    this.#state.set(channel, products);
    if (products.has(product)) return false;
    products.add(product);
    return true;
  }

  #acknowledge(): void {
    const channels = [...this.#state].map(([name, products]) => ({
      name,
      product_ids: [...products],
      account_ids: null,
    }));
    this.#link.send(JSON.stringify({ type: 'subscriptions', channels }));
  }
}

/** Products named at the root apply to every channel that has no list of its own. */
function wantedOf(request: Record<string, unknown>): Wanted[] {
  const strings = (value: unknown): string[] =>
    Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
  const root = strings(request['product_ids']);
  const channels = Array.isArray(request['channels']) ? request['channels'] : [];
  return channels.flatMap((channel: unknown): Wanted[] => {
    if (typeof channel === 'string') return [{ name: channel, products: root }];
    if (typeof channel !== 'object' || channel === null) return [];
    const { name, product_ids } = channel as { name?: unknown; product_ids?: unknown };
    return [{ name: String(name), products: product_ids === undefined ? root : strings(product_ids) }];
  });
}

const RULES = {
  quotes: ['USD', 'EUR', 'GBP', 'USDT', 'BTC'],
  join: '-',
  size_scale: (usd: number) => Math.min(8, Math.max(0, Math.ceil(Math.log10(usd)) + 3)),
  first_trade_id: 1_087_500_000,
  unicode: false,
};

export const coinbase: VenueProtocol = {
  id: 'coinbase',
  channels: ['trades', 'ticker'],
  timings: {
    subscribe_deadline_ms: 5000,
    heartbeat_ms: 1000,
    ping_ms: 0,
    pong_deadline_ms: 0,
    stale_page_ms: 6000,
    idle_ms: 0,
  },
  connection_limit: { burst: 20, per_s: 8 },
  listings(count) {
    const open = catalogue(RULES, count);
    const closed = [...DELISTED, ...HALTED].map((name, i): Listing => {
      const [base, quote] = name.split('-');
      return { ...open[0], name, base, quote, rank: count + i, closed: true };
    });
    return [...open, ...closed.filter(({ name }) => !open.some((listing) => listing.name === name))];
  },
  accepts: () => true,
  open: (venue, link, _path, _query, now_ms) => new CoinbaseSession(venue, link, now_ms),
  compose(channel, symbol, frame) {
    const { view, start, event } = frame;
    const end =
      channel === 'trades'
        ? composeMatch(symbol, view, start, event)
        : composeTicker(symbol, view, start, event);
    frame.record();
    return end;
  },
  rest(venue) {
    const rest = new CoinbaseRest(venue);
    return (request) => rest.answer(request);
  },
  slow_consumer: { text: '{"type":"error","message":"ErrSlowConsume"}', code: 1000, reason: '' },
  planned_close: { code: 1001, reason: '' },
  symbolOf: (raw) => /"product_id":"([^"]+)"/.exec(raw)?.[1],
};
