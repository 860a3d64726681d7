/**
 * The control side of a Coinbase Advanced Trade connection: one channel per request, acknowledgements with the whole
 * state behind the first data, heartbeats per connection, and a close after silence.
 * Runs in the simulator process; used by advanced.ts.
 */
import { type Channel, KLINE_CHANNELS } from '../../market/channels.js';
import type { SymbolMarket } from '../../market/market.js';
import type { Link, VenueView } from '../../server/protocol.js';
import { Periodic, parseObject, textsOf, VenueSession } from '../../server/session.js';

const CHANNELS = new Map<string, Channel>([
  ['market_trades', 'trades'],
  ['ticker', 'ticker'],
  ['level2', 'book'],
  ['candles', KLINE_CHANNELS[KLINE_CHANNELS.indexOf('klines_5m')]],
]);
const WITHOUT_PRODUCTS = ['heartbeats'];
/** Rows that a subscription begins with. */
const SNAPSHOT_ROWS = 100;
const FIRST_HEARTBEAT = 66_987;

/** The product whose feed a name stands for: those in USDC are those in USD. */
function feedOf(venue: VenueView, product: string): SymbolMarket | undefined {
  return venue.symbols.get(product) ?? venue.symbols.get(product.replace(/-USDC$/, '-USD'));
}

/** Go's time.String() with its monotonic part. */
function goTime(now_ms: number, uptime_s: number): string {
  const text = new Date(now_ms).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 23)}713045 +0000 UTC m=+${uptime_s}.628148662`;
}

export class AdvancedSession extends VenueSession {
  /** channel as subscribed, to products */
  readonly #state = new Map<string, Set<string>>();
  readonly #heartbeats: Periodic;
  #beats = FIRST_HEARTBEAT;
  #ever = false;

  constructor(venue: VenueView, link: Link, now_ms: number) {
    super(venue, link, now_ms);
    this.#heartbeats = new Periodic(venue.timings.heartbeat_ms, now_ms);
  }

  override get active(): boolean {
    return this.#state.size > 0;
  }

  tick(now_ms: number): void {
    const late = !this.#ever && this.isLate(now_ms);
    if (late || this.isIdle(now_ms, this.link.sent_ms)) this.link.end(1000, '');
    if (!this.#heartbeats.isDue(now_ms)) return;
    this.#beats++;
    if (!this.#state.has('heartbeats')) return;
    const current_time = goTime(now_ms, this.#beats);
    this.#send('heartbeats', { current_time, heartbeat_counter: this.#beats }, now_ms);
  }

  message(text: string, now_ms: number): void {
    const { type, channel, product_ids } = parseObject(text) ?? {};
    const named = textsOf(product_ids);
    if (type !== 'subscribe' && type !== 'unsubscribe') this.#error('failed to subscribe');
    else if (typeof channel !== 'string' || !(CHANNELS.has(channel) || WITHOUT_PRODUCTS.includes(channel)))
      this.#error('authentication failure');
    else if (type === 'subscribe') this.#subscribe(channel, named, now_ms);
    else this.#unsubscribe(channel, named, now_ms);
  }

  #subscribe(name: string, products: readonly string[], now_ms: number): void {
    this.#ever = true;
    const channel = CHANNELS.get(name);
    const state = this.#state.get(name) ?? new Set();
    if (channel === undefined) state.add(name);
    const denial = channel === undefined ? undefined : this.#denial(channel, products, state.size);
    if (denial !== undefined) {
      this.#error(denial);
      return;
    }
    let accepted = channel === undefined;
    for (const product of products) {
      const symbol = feedOf(this.venue, product);
      if (channel === undefined || symbol === undefined) continue;
      accepted = true;
      if (state.has(symbol.listing.name)) continue;
      state.add(symbol.listing.name);
      this.link.subscribe(symbol, channel);
      this.link.snapshot(symbol, channel, SNAPSHOT_ROWS);
    }
    if (!accepted) {
      this.#error('failed to subscribe');
      return;
    }
    this.#state.set(name, state);
    this.#acknowledge(now_ms);
  }

  /** What the exchange says to a request that it refuses as a whole. */
  #denial(channel: Channel, products: readonly string[], held: number): string | undefined {
    const { denials } = this.venue;
    const all = products.map((product, i) => denials.of(product, channel, held + i));
    if (all.includes('streams')) return 'too many L2 streams requested in a single session';
    if (all.includes('login')) return 'authentication failure';
    return all.some((denial) => denial !== undefined) ? 'failed to subscribe' : undefined;
  }

  #unsubscribe(name: string, products: readonly string[], now_ms: number): void {
    const channel = CHANNELS.get(name);
    const state = this.#state.get(name);
    for (const product of products) {
      const symbol = feedOf(this.venue, product);
      if (symbol === undefined || channel === undefined || !state?.delete(symbol.listing.name)) continue;
      this.link.unsubscribe(symbol, channel);
    }
    if (channel === undefined || state?.size === 0) this.#state.delete(name);
    this.#acknowledge(now_ms);
  }

  #acknowledge(now_ms: number): void {
    const subscriptions = Object.fromEntries([...this.#state].map(([name, set]) => [name, [...set]]));
    this.#send('subscriptions', { subscriptions }, now_ms);
  }

  #send(channel: string, event: Record<string, unknown>, now_ms: number): void {
    const timestamp = new Date(now_ms).toISOString().replace('Z', '590305Z');
    const sequence_num = this.link.sequence++;
    this.link.send(JSON.stringify({ channel, timestamp, sequence_num, events: [event] }));
  }

  /** Errors are not counted. */
  #error(message: string): void {
    this.link.send(JSON.stringify({ type: 'error', message }));
  }
}
