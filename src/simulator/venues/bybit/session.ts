/**
 * The control side of a Bybit connection: requests answered as a whole, in the shapes of spot and of linear contracts,
 * pings as JSON, and the drop of a client that has said nothing for ten minutes.
 * Runs in the simulator process; used by protocol.ts.
 */
import type { BookShape } from '../../market/book.js';
import { type Channel, INTERVALS, klineChannel } from '../../market/channels.js';
import type { SymbolMarket } from '../../market/market.js';
import { hashText } from '../../market/random.js';
import type { Link, VenueView } from '../../server/protocol.js';
import { parseObject, VenueSession } from '../../server/session.js';

/** Names of the intervals of candles, in the order of INTERVALS. */
export const CANDLE_NAMES = ['1', '3', '5', '15', '30', '60', '240', 'D'];
const CHANNELS = new Map<string, Channel>([
  ['publicTrade', 'trades'],
  ['tickers', 'ticker'],
  ['orderbook.1', 'bbo'],
  ['orderbook.50', 'book'],
  ...INTERVALS.map((interval, i): [string, Channel] => [`kline.${CANDLE_NAMES[i]}`, klineChannel(interval)]),
]);
/**
 * Channels whose present state is sent on subscribing. Quotes come with their next change instead: a state would have
 * the number of an event that the ledger has already.
 */
const STATES: readonly Channel[] = ['ticker', 'book'];
const SHAPE: BookShape = { window: 50 };
const SPOT_ARGS_MAX = 10;
/** How often silent clients are looked for. */
const SCAN_MS = 30_000;
/** An acknowledgement may come so much later than the first data. */
const LATE_MS = 3;

type Topic = readonly [symbol: SymbolMarket | undefined, channel: Channel];

export class BybitSession extends VenueSession {
  readonly #spot: boolean;
  readonly #conn_id: string;
  #requests = 0;
  #scanned_ms: number;

  constructor(venue: VenueView, link: Link, spot: boolean, now_ms: number) {
    super(venue, link, now_ms);
    this.#spot = spot;
    this.#conn_id = `d9avt8shteepr00${hashText(String(now_ms)).toString(36)}-4zd1x`;
    this.#scanned_ms = now_ms;
  }

  message(text: string, now_ms: number): void {
    this.heard_ms = now_ms;
    const request = parseObject(text);
    if (request === undefined) {
      const found = text.slice(0, 1);
      this.#answer(
        false,
        `Failed to decode incoming data:readObjectStart: expect { or n, but found ${found}`,
      );
      return;
    }
    const { req_id, op, args } = request;
    const id = typeof req_id === 'string' ? req_id : '';
    if (op === 'ping') this.#answer(true, 'pong', 'ping', id);
    else if ((op !== 'subscribe' && op !== 'unsubscribe') || !Array.isArray(args))
      this.#answer(false, 'error:invalid op', String(op), id);
    else this.#topics(op, args.map(String), id);
  }

  #topics(op: 'subscribe' | 'unsubscribe', topics: readonly string[], id: string): void {
    const found = topics.map((topic) => this.#find(topic));
    const bad = topics.find((_, i) => found[i] === undefined);
    const known = topics.find((topic) => this.subscribed.has(topic));
    if (this.#spot && topics.length > SPOT_ARGS_MAX) this.#answer(false, 'args size >10', op, id);
    else if (bad !== undefined)
      this.#answer(
        false,
        this.#spot ? `Invalid symbol :[${bad}]` : `error:handler not found,topic:${bad}`,
        op,
        id,
      );
    else if (op === 'subscribe' && known !== undefined && !this.#spot)
      this.#answer(false, `error:already subscribed,topic:${known}`, op, id);
    else {
      const late = ++this.#requests % 2 === 0;
      const acknowledge = () => this.#answer(true, this.#spot ? op : '', op, id);
      this.link.cork(() => {
        if (!late) acknowledge();
        for (const [i, topic] of topics.entries()) this.#one(op, topic, found[i]!);
      });
      if (late) this.link.later(LATE_MS, acknowledge);
    }
  }

  /** What a topic is about; a symbol that does not trade yet has topics without data. */
  #find(topic: string): Topic | undefined {
    const dot = topic.lastIndexOf('.');
    const channel = CHANNELS.get(topic.slice(0, dot));
    const name = topic.slice(dot + 1);
    if (channel === undefined || !this.venue.listings.some((listing) => listing.name === name))
      return undefined;
    return this.venue.denials.of(name, channel) === undefined
      ? [this.venue.symbols.get(name), channel]
      : undefined;
  }

  #one(op: 'subscribe' | 'unsubscribe', topic: string, [symbol, channel]: Topic): void {
    if (symbol === undefined) return;
    if (op === 'unsubscribe') this.stop(topic, symbol, channel);
    else if (this.begin(topic, symbol, channel, channel === 'book' ? SHAPE : undefined))
      if (STATES.includes(channel)) this.link.snapshot(symbol, channel);
  }

  /** Linear always names a request id, spot only one that was sent. */
  #answer(success: boolean, ret_msg: string, op = '', id = ''): void {
    const named = this.#spot && id === '' ? {} : { req_id: id };
    this.link.send(JSON.stringify({ success, ret_msg, conn_id: this.#conn_id, ...named, op }));
  }

  override ping(now_ms: number): void {
    this.heard_ms = now_ms;
  }

  tick(now_ms: number): void {
    const { idle_ms } = this.venue.timings;
    if (idle_ms === 0 || now_ms - this.#scanned_ms < Math.min(SCAN_MS, idle_ms)) return;
    this.#scanned_ms = now_ms;
    if (this.isIdle(now_ms, Math.max(this.heard_ms, this.link.sent_ms))) this.link.abort();
  }
}
