/**
 * The control side of a Coinbase Exchange connection: subscriptions, acknowledgements with the whole state, errors,
 * heartbeats. Runs in the simulator process; used by exchange.ts.
 */
import type { Channel } from '../../market/channels.js';
import { BUY, type SymbolMarket } from '../../market/market.js';
import { ORDER_ROLES, orderIdWord } from '../../market/random.js';
import type { Denial } from '../../server/denials.js';
import { type Link, trimmedText, type VenueView } from '../../server/protocol.js';
import { Periodic, parseObject, textsOf, VenueSession } from '../../server/session.js';
import { isDelisted, isoMicros } from './exchange_rest.js';

/** `last_match`: the newest trade as history. */
function lastMatchText(symbol: SymbolMarket): string {
  const side = symbol.last_side === BUY ? 'sell' : 'buy';
  const { price_scale, size_scale } = symbol.listing;
  return JSON.stringify({
    type: 'last_match',
    trade_id: symbol.last_id,
    maker_order_id: orderIdText(symbol, symbol.last_id, ORDER_ROLES.maker),
    taker_order_id: orderIdText(symbol, symbol.last_id, ORDER_ROLES.taker),
    side,
    size: trimmedText(symbol.last_size, size_scale),
    price: trimmedText(symbol.last_price, price_scale),
    product_id: symbol.listing.name,
    sequence: symbol.sequence,
    time: isoMicros(symbol.last_time_us),
  });
}

/** A UUID in its text form, 8-4-4-4-12. */
function orderIdText(symbol: SymbolMarket, id: number, role: number): string {
  const hex = [0, 1, 2, 3]
    .map((word) =>
      orderIdWord(symbol.hash, id >>> 0, role, word)
        .toString(16)
        .padStart(8, '0'),
    )
    .join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
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
  ['level2_50', 'book'],
]);

interface Wanted {
  readonly name: string;
  readonly products: readonly string[];
}

function subscriptionError(reason: string): string {
  return JSON.stringify({ type: 'error', message: 'Failed to subscribe', reason });
}

export class CoinbaseSession extends VenueSession {
  /** channel, as acknowledged, to products */
  readonly #state = new Map<string, Set<string>>();
  readonly #heartbeats: Periodic;
  #ever = false;

  constructor(venue: VenueView, link: Link, now_ms: number) {
    super(venue, link, now_ms);
    this.#heartbeats = new Periodic(venue.timings.heartbeat_ms, now_ms);
  }

  override get active(): boolean {
    return this.#state.size > 0;
  }

  message(text: string): void {
    const request = parseObject(text);
    if (request === undefined) {
      this.link.send('{"type":"error","message":"Malformed JSON"}');
      return;
    }
    const { type } = request;
    if (type === 'subscribe') this.#subscribe(wantedOf(request));
    else if (type === 'unsubscribe') this.#unsubscribe(wantedOf(request));
    else this.link.send(subscriptionError(`${String(type)} is not a valid type`));
  }

  tick(now_ms: number): void {
    if (!this.#ever && this.isLate(now_ms)) {
      this.link.end(1000, '');
      return;
    }
    if (!this.#heartbeats.isDue(now_ms)) return;
    const products = this.#state.get('heartbeat');
    if (products === undefined) return;
    this.link.cork(() => {
      for (const product of products) this.#heartbeat(product, now_ms);
    });
  }

  #heartbeat(product: string, now_ms: number): void {
    const symbol = this.venue.symbols.get(product);
    if (symbol === undefined) return;
    const heartbeat = {
      type: 'heartbeat',
      last_trade_id: symbol.last_id,
      product_id: product,
      sequence: symbol.sequence,
      time: isoMicros(now_ms * 1000),
    };
    this.link.send(JSON.stringify(heartbeat));
  }

  #subscribe(wanted: readonly Wanted[]): void {
    this.#ever = true;
    let accepted = false;
    const history: [Channel, SymbolMarket][] = [];
    for (const { name, products } of wanted) {
      const acknowledged = CHANNEL_NAMES.get(name);
      const denial = this.#denial(DATA_CHANNELS.get(acknowledged ?? ''), products);
      if (denial === 'anonymous') {
        this.link.send('{"type":"error","message":"Failed to subscribe"}');
        return;
      }
      if (NEEDS_LOGIN.has(name) || denial === 'login') {
        this.link.send(
          subscriptionError(
            'level2, level3, and full channels now require authentication. https://docs.cloud.coinbase.com/exchange/docs/websocket-auth',
          ),
        );
        continue;
      }
      if (acknowledged === undefined) {
        this.link.send(subscriptionError(`${name} is not a valid channel`));
        continue;
      }
      for (const product of products) {
        const channel = DATA_CHANNELS.get(acknowledged);
        if (!this.#isListed(product) || this.#denial(channel, [product]) !== undefined) {
          this.link.send(subscriptionError(`${product} is not a valid product`));
          continue;
        }
        accepted = true;
        if (this.#add(acknowledged, product)) {
          const symbol = this.venue.symbols.get(product);
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
    this.link.cork(() => {
      for (const [channel, symbol] of history) {
        this.link.subscribe(symbol, channel);
        if (channel === 'trades') this.link.send(lastMatchText(symbol));
        else this.link.snapshot(symbol, channel);
      }
    });
  }

  #denial(channel: Channel | undefined, products: readonly string[]): Denial | undefined {
    if (channel === undefined) return undefined;
    const denials = products.map((product) => this.venue.denials.of(product, channel));
    return denials.find((denial) => denial !== undefined && denial !== 'unknown') ?? denials.find(Boolean);
  }

  #unsubscribe(wanted: readonly Wanted[]): void {
    for (const { name, products } of wanted) {
      const acknowledged = CHANNEL_NAMES.get(name) ?? name;
      const state = this.#state.get(acknowledged);
      if (state === undefined) continue;
      for (const product of products.length === 0 ? [...state] : products) {
        state.delete(product);
        const symbol = this.venue.symbols.get(product);
        const channel = DATA_CHANNELS.get(acknowledged);
        if (symbol !== undefined && channel !== undefined) this.link.unsubscribe(symbol, channel);
      }
      if (state.size === 0) this.#state.delete(acknowledged);
    }
    this.#acknowledge();
  }

  #isListed(product: string): boolean {
    return (
      this.venue.symbols.has(product) ||
      this.venue.listings.some(({ name, closed }) => name === product && closed === true && !isDelisted(name))
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
    this.link.send(JSON.stringify({ type: 'subscriptions', channels }));
  }
}

/** Products named at the root apply to every channel that has no list of its own. */
function wantedOf(request: Readonly<Record<string, unknown>>): Wanted[] {
  const root = textsOf(request['product_ids']);
  const channels = Array.isArray(request['channels']) ? request['channels'] : [];
  return channels.flatMap((channel: unknown): Wanted[] => {
    if (typeof channel === 'string') return [{ name: channel, products: root }];
    if (typeof channel !== 'object' || channel === null) return [];
    const { name, product_ids } = channel as { name?: unknown; product_ids?: unknown };
    return [{ name: String(name), products: product_ids === undefined ? root : textsOf(product_ids) }];
  });
}
