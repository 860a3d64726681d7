/**
 * The control side of a Binance stream connection, spot and futures: subscriptions by URL and by request, replies and
 * errors as they are on the wire, pings and the limit of messages per second.
 * Runs in the simulator process; used by spot.ts and futures.ts.
 */
import type { BookShape } from '../../market/book.js';
import { type Channel, INTERVALS, klineChannel } from '../../market/channels.js';
import type { SymbolMarket } from '../../market/market.js';
import { decodePath, type Link, type VenueView } from '../../server/protocol.js';
import { parseJson, VenueSession } from '../../server/session.js';

const METHODS = ['SUBSCRIBE', 'UNSUBSCRIBE', 'LIST_SUBSCRIPTIONS', 'SET_PROPERTY', 'GET_PROPERTY'];
const STREAMS_MAX = 1024;
const STREAM_NAME = /^![A-Za-z0-9_]+(@[A-Za-z0-9_]+)*$|^[^\s@!]+@[A-Za-z0-9_]+(@[A-Za-z0-9+:]+)*$/;

type RequestId = number | string | null;

function isRequestId(id: unknown): id is RequestId | undefined {
  return id === undefined || id === null || Number.isInteger(id) || /^[A-Za-z0-9-]{1,36}$/.test(String(id));
}

/** What a stream name asks for. */
export interface Stream {
  readonly symbol: SymbolMarket;
  readonly channel: Channel;
  readonly shape?: BookShape;
}

/** In what spot and futures differ. */
export interface StreamRules {
  readonly messages_per_s: number;
  /** The data of a stream on a connection to this path; undefined for what is acknowledged and stays silent. */
  streamOf(venue: VenueView, path: string, name: string): Stream | undefined;
  /** Called now and then: what else the connection sends. */
  tick?(link: Link, path: string, streams: ReadonlySet<string>, venue: VenueView, now_ms: number): void;
}

const DEPTHS = ['', '5', '10', '20'];
const SPEEDS = ['', '@0ms', '@100ms', '@250ms', '@500ms'];
/** Names of the depth streams; the tag of a book is the place of its stream here. */
export const DEPTH_STREAMS = DEPTHS.flatMap((depth) => SPEEDS.map((speed) => `depth${depth}${speed}`));
const CHANNEL_OF = new Map<string, Channel>([
  ['trade', 'trades'],
  ['aggTrade', 'agg_trades'],
  ['ticker', 'ticker'],
  ['bookTicker', 'bbo'],
  ...INTERVALS.map((interval): [string, Channel] => [`kline_${interval}`, klineChannel(interval)]),
]);

/** Symbol and channel of a stream name; an upper-case name is acknowledged and stays silent, like an unknown one. */
export function parseStream(venue: VenueView, name: string): Stream | undefined {
  const [, asset, kind] = /^([^@]*)@(.*)$/.exec(name) ?? [name, '', ''];
  const symbol = asset === asset.toLowerCase() ? venue.symbols.get(asset.toUpperCase()) : undefined;
  if (symbol === undefined) return undefined;
  const channel = CHANNEL_OF.get(kind);
  if (channel !== undefined) return { symbol, channel };
  const tag = DEPTH_STREAMS.indexOf(kind);
  if (tag < 0) return undefined;
  const window = Number(DEPTHS[Math.floor(tag / SPEEDS.length)]);
  return {
    symbol,
    channel: 'book',
    shape: window === 0 ? { tag } : { tag, window, whole: true },
  };
}

/** What is subscribed are names of streams. */
export class BinanceSession extends VenueSession {
  readonly #rules: StreamRules;
  readonly #path: string;
  /** times of this connection's URL */
  readonly #unit_us: number;
  /** when the last messages came, oldest first */
  readonly #messages_ms: number[] = [];
  #pinged_ms: number;
  #answered_ms: number;

  constructor(rules: StreamRules, venue: VenueView, link: Link, path: string, query: string, now_ms: number) {
    super(venue, link, now_ms);
    this.#rules = rules;
    this.#path = path;
    const options = new URLSearchParams(query);
    this.#unit_us = options.get('timeUnit')?.toUpperCase() === 'MICROSECOND' ? 1 : 1000;
    this.#pinged_ms = now_ms;
    this.#answered_ms = now_ms;
    link.wrapped = path.endsWith('/stream');
    const named = link.wrapped ? (options.get('streams') ?? '') : decodePath(path.replace(/^.*?\/ws/, ''));
    this.#add(named.split('/').filter(Boolean));
  }

  override ping(now_ms: number): void {
    this.#counts(now_ms);
  }

  override pong(now_ms: number): void {
    if (this.#counts(now_ms)) this.#answered_ms = now_ms;
  }

  tick(now_ms: number): void {
    this.#rules.tick?.(this.link, this.#path, this.subscribed, this.venue, now_ms);
    const { ping_ms, pong_deadline_ms } = this.venue.timings;
    if (ping_ms === 0) return;
    if (now_ms - this.#answered_ms >= pong_deadline_ms) {
      this.link.end(1008, 'Pong timeout');
    } else if (now_ms - this.#pinged_ms >= ping_ms) {
      this.#pinged_ms = now_ms;
      this.link.ping(String(Math.floor(now_ms)));
    }
  }

  message(text: string, now_ms: number): void {
    if (!this.#counts(now_ms)) return;
    const request = parseJson(text);
    if (request === undefined) {
      this.#error(3, 'Invalid JSON: expected value at line 1 column 1');
      return;
    }
    if (typeof request !== 'object' || request === null || !('method' in request)) {
      this.#error(2, `Invalid request: missing field \`method\` at line 1 column ${text.length}`);
      return;
    }
    const { method, params, id } = request as { method: unknown; params?: unknown; id?: unknown };
    if (!METHODS.includes(String(method))) {
      const known = METHODS.map((name) => `\`${name}\``).join(', ');
      this.#error(
        2,
        `Invalid request: unknown variant \`${String(method)}\`, expected one of ${known} at line 1 column 28`,
      );
    } else if (!isRequestId(id)) {
      this.#error(2, 'Invalid request: request ID must be an unsigned integer');
    } else {
      this.#request(String(method), Array.isArray(params) ? params : [], id ?? null);
    }
  }

  #request(method: string, params: readonly unknown[], id: RequestId): void {
    if (method === 'LIST_SUBSCRIPTIONS') this.#reply([...this.subscribed], id);
    else if (method === 'GET_PROPERTY' || method === 'SET_PROPERTY') this.#property(method, params, id);
    else if (!params.every((name) => typeof name === 'string' && STREAM_NAME.test(name))) {
      this.#error(2, 'Invalid request: invalid stream', id);
    } else if (method === 'SUBSCRIBE') {
      const names = params as string[];
      const added = names.filter((name) => !this.subscribed.has(name));
      if (this.subscribed.size + new Set(added).size > STREAMS_MAX) {
        this.#error(4, 'Too many subscriptions', id);
        return;
      }
      if (added.some((name) => this.#isDenied(name))) {
        this.#error(2, 'Invalid request: invalid stream', id);
        return;
      }
      this.#reply(null, id);
      this.#add(added);
    } else {
      this.#remove(params as string[]);
      this.#reply(null, id);
    }
  }

  #isDenied(name: string): boolean {
    const stream = this.#rules.streamOf(this.venue, this.#path, name);
    return (
      stream !== undefined && this.venue.denials.of(stream.symbol.listing.name, stream.channel) !== undefined
    );
  }

  #property(method: string, params: readonly unknown[], id: RequestId): void {
    const setting = method === 'SET_PROPERTY';
    if (params.length > (setting ? 2 : 1)) this.#error(2, 'Invalid request: too many parameters', id);
    else if (typeof params[0] !== 'string')
      this.#error(2, 'Invalid request: property name must be a string', id);
    else if (params[0] !== 'combined') this.#error(0, 'Unknown property', id);
    else if (!setting) this.#reply(this.link.wrapped, id);
    else if (typeof params[1] !== 'boolean') this.#error(1, 'Invalid value type: expected Boolean', id);
    else {
      this.link.wrapped = params[1];
      this.#reply(null, id);
    }
  }

  /** Whether the message is within the limit; closes the connection otherwise. */
  #counts(now_ms: number): boolean {
    while (this.#messages_ms.length > 0 && now_ms - this.#messages_ms[0] >= 1000) this.#messages_ms.shift();
    this.#messages_ms.push(now_ms);
    if (this.#messages_ms.length <= this.#rules.messages_per_s) return true;
    this.link.end(1008, 'Too many requests');
    return false;
  }

  #add(names: readonly string[]): void {
    for (const name of names) {
      if (this.subscribed.has(name)) continue;
      this.subscribed.add(name);
      const stream = this.#rules.streamOf(this.venue, this.#path, name);
      if (stream === undefined) continue;
      const { symbol, channel, shape } = stream;
      // frames are the same for everybody: who comes first chooses the unit
      if (symbol.started === 0) symbol.time_unit_us = this.#unit_us;
      this.link.subscribe(symbol, channel, shape);
    }
  }

  #remove(names: readonly string[]): void {
    for (const name of names) {
      if (!this.subscribed.delete(name)) continue;
      const stream = this.#rules.streamOf(this.venue, this.#path, name);
      if (stream !== undefined) this.link.unsubscribe(stream.symbol, stream.channel);
    }
  }

  #reply(result: unknown, id: RequestId): void {
    this.link.send(JSON.stringify({ result, id }));
  }

  #error(code: number, msg: string, id?: RequestId): void {
    this.link.send(JSON.stringify({ error: { code, msg }, id }));
  }
}
