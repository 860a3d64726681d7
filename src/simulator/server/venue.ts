/**
 * One simulated exchange: its port, its connections, REST, faults. Listens on the loopback address only.
 * Runs in the simulator process; made by simulator.ts.
 */

import type { Socket } from '../../server/contract.js';
import {
  HANG_UP,
  type Reply,
  type Request,
  type Server,
  type SocketListener,
} from '../../server/contract.js';
import { startServer } from '../../server/start.js';
import type { Levels } from '../market/book.js';
import type { Listing } from '../market/catalogue.js';
import { CHANNELS, type Channel, channelWeights } from '../market/channels.js';
import type { Frame } from '../market/frame.js';
import { historyPerSymbol, SymbolMarket } from '../market/market.js';
import { Connection, type VenueSymbol } from './connection.js';
import { Denials } from './denials.js';
import { Engine } from './engine.js';
import { type FaultRequest, Faults } from './faults.js';
import { LOOPBACK } from './loopback.js';
import { Pacer } from './pacing.js';
import {
  type RestSide,
  TokenBucket,
  type VenueProtocol,
  type VenueTimings,
  type VenueView,
} from './protocol.js';
import { Player, type RecordedFrame } from './recording.js';
import type { Certificate } from './tls.js';

const TICK_MS = 100;
/** A client may send this much in one message. */
const REQUEST_BYTES_MAX = 1024 * 1024;
/** Never reached by market data, which waits long before; a huge frame must pass. */
const BACKLOG_BYTES_MAX = 512 * 1024 * 1024;
/** Longer than any kernel buffer, so that a part of it is certainly unsent when the connection is cut. */
const HALF_FRAME_BYTES = 32 * 1024 * 1024;
const HUGE_BYTES = 16 * 1024 * 1024;
const SLOW_CONSUMER_BYTES = 64 * 1024;

export interface VenueOptions {
  readonly protocol: VenueProtocol;
  readonly symbols: number;
  readonly rate: number;
  /** weights in the order of MIX_NAMES */
  readonly mix: readonly number[];
  /** levels per side of every book */
  readonly levels: number;
  readonly seed: number;
  readonly messages: number;
  readonly seconds: number;
  /** age in seconds at which a connection is closed; 0: never */
  readonly close_after: number;
  /** how many seconds before that it is announced, where the exchange does that */
  readonly notice: number;
  readonly port: number;
  readonly certificate: Certificate | undefined;
  readonly ledger_directory: string | undefined;
  readonly recording: readonly RecordedFrame[] | undefined;
  readonly timings: Partial<VenueTimings>;
}

/** Wall clock in microseconds, monotonic within the process. */
function clockUs(): number {
  return Math.floor((performance.timeOrigin + performance.now()) * 1000);
}

function nowMs(): number {
  return clockUs() / 1000;
}

export class Venue implements VenueView {
  readonly #options: VenueOptions;
  readonly #engine: Engine;
  readonly #pacer: Pacer;
  readonly #player: Player | undefined;
  readonly #faults: Faults;
  readonly #connections = new Set<Connection>();
  readonly #rest: RestSide;
  readonly #connects: TokenBucket;
  readonly #timer: NodeJS.Timeout;
  #server: Server | undefined;
  readonly timings: VenueTimings;
  readonly denials = new Denials();
  listings: readonly Listing[];
  readonly symbols: Map<string, SymbolMarket>;
  /** every symbol with its place, those included that are not listed at present */
  readonly #markets: ReadonlyMap<string, VenueSymbol>;
  readonly #listed: readonly Listing[];
  readonly #halted = new Set<string>();
  /** symbols that are listed with a smaller tick than their market has */
  readonly #finer = new Set<string>();
  port = 0;
  connections_opened = 0;

  constructor(options: VenueOptions) {
    const { protocol, recording, seed } = options;
    this.#options = options;
    this.timings = { ...protocol.timings, ...options.timings };
    this.listings =
      recording === undefined ? protocol.listings(options.symbols) : recorded(protocol, recording);
    const open = this.listings.filter(({ closed }) => closed !== true);
    const history = historyPerSymbol(open.length);
    const symbols = open.map(
      (listing, index): VenueSymbol =>
        new SymbolMarket(listing, index, seed, history, clockUs(), options.levels),
    );
    this.#markets = new Map(symbols.map((symbol) => [symbol.listing.name, symbol]));
    this.#listed = this.listings;
    this.symbols = new Map<string, SymbolMarket>(this.#markets);
    this.#faults = new Faults(seed);
    this.#player = recording === undefined ? undefined : new Player(recording);
    this.#engine = new Engine({
      protocol,
      symbols,
      faults: this.#faults,
      seed,
      mix: channelWeights(options.mix),
      runs_alone: options.rate > 0,
      ledger_directory: options.ledger_directory,
      clock_us: clockUs,
    });
    this.#pacer = new Pacer({
      rate: options.rate,
      messages: options.messages,
      seconds: options.seconds,
      burst: (count) => this.#burst(count),
      ready: () => (this.#player === undefined ? this.#engine.ready : this.#audience().length > 0),
    });
    this.#rest = protocol.rest(this);
    this.#connects = new TokenBucket(protocol.connection_limit, nowMs());
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  get id(): string {
    return this.#options.protocol.id;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Totals by channel. */
  get totals(): Record<string, { events: number; delivered: number; undelivered: number }> {
    const { events, delivered, undelivered } = this.#engine.totals;
    return Object.fromEntries(
      CHANNELS.map((channel, i) => [
        channel,
        { events: events[i], delivered: delivered[i], undelivered: undelivered[i] },
      ]),
    );
  }

  /** Events or recorded frames so far. */
  get sent(): number {
    return this.#pacer.sent;
  }

  /** Ends the market; connections and their heartbeats stay. */
  finish(): void {
    this.#pacer.finish();
  }

  get finished(): boolean {
    return this.#pacer.finished;
  }

  async listen(): Promise<void> {
    this.#server = await startServer({
      ...LOOPBACK,
      port: this.#options.port,
      tls: this.#options.certificate,
      other: (request) => this.#answer(request),
      sockets: {
        message_bytes_max: REQUEST_BYTES_MAX,
        backlog_bytes_max: BACKLOG_BYTES_MAX,
        refusal: ({ path }) => this.#refusal('upgrade', path),
        open: (socket, request) => this.#open(socket, request),
      },
    });
    this.port = this.#server.port;
    this.#pacer.start();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#pacer.stop();
    this.#engine.flushLedger();
    this.#server?.close();
  }

  fetchBook(symbol: SymbolMarket, fill: (levels: Levels, frame: Frame) => void): void {
    const stale = this.#faults.stale_books > 0;
    if (stale) this.#faults.stale_books--;
    this.#engine.fetchBook(symbol as VenueSymbol, stale, fill);
  }

  flushLedger(): void {
    this.#engine.flushLedger();
  }

  /** Carries out a fault now. */
  fault(request: FaultRequest): void {
    const now_ms = nowMs();
    const until_ms = now_ms + (request.seconds ?? 1) * 1000;
    const all = [...this.#connections];
    const chosen = request.connections === 'one' ? all.slice(0, 1) : all;
    switch (request.kind) {
      case 'drop':
      case 'duplicate':
      case 'reorder':
      case 'corrupt':
        this.#faults.addEventFault(request);
        break;
      case 'stale-book':
        for (const symbol of this.symbols.values()) symbol.keepStaleBook();
        this.#faults.stale_books = request.count ?? 1;
        break;
      case 'reset-book':
        for (const symbol of this.symbols.values())
          if (request.symbol === undefined || symbol.listing.name === request.symbol) symbol.resetBook();
        break;
      case 'stall':
        this.#faults.stalled_until_ms = until_ms;
        for (const connection of all) connection.hold();
        break;
      case 'slow':
        this.#faults.slow_until_ms = until_ms;
        this.#pacer.setRate(request.rate ?? 1);
        break;
      case 'cut':
        for (const connection of chosen) cut(connection, request.code);
        break;
      case 'close-24h': {
        const { code, reason } = this.#options.protocol.planned_close;
        this.#announceShutdown(chosen, now_ms);
        for (const connection of chosen) connection.end(code, reason);
        break;
      }
      case 'mute':
        for (const symbol of this.symbols.values())
          if (request.symbol === undefined || request.symbol === symbol.listing.name)
            this.#engine.mute(symbol as VenueSymbol, request.channel ?? 'trades');
        break;
      case 'refuse':
        this.#faults.refuse_until_ms = until_ms;
        break;
      case 'http':
        this.#faults.setHttp(request, now_ms);
        break;
      case 'slow-consumer':
        this.#faults.slow_consumer_bytes = request.bytes ?? SLOW_CONSUMER_BYTES;
        break;
      case 'delist':
      case 'list':
      case 'halt':
      case 'resume':
        this.#changeListing(request);
        break;
      case 'tick':
        this.#finer.add(request.symbol ?? '');
        this.#list();
        break;
      case 'deny':
      case 'allow':
      case 'limit-streams':
      case 'limit-connections':
      case 'throttle':
        this.denials.take(request);
        break;
      case 'server-shutdown':
        this.#announceShutdown(chosen, now_ms);
        break;
      default:
        for (const connection of chosen) sendBroken(connection, request);
    }
  }

  /** Lists a symbol or not, and lets it trade or not. */
  #changeListing({ kind, symbol = '' }: FaultRequest): void {
    const market = this.#markets.get(symbol);
    if (market === undefined) return;
    if (kind === 'delist') {
      this.symbols.delete(symbol);
      for (const connection of this.#connections) connection.drop(market);
    } else if (kind === 'list') this.symbols.set(symbol, market);
    if (kind === 'halt') this.#halted.add(symbol);
    else this.#halted.delete(symbol);
    this.#engine.halt(market, kind === 'halt');
    this.#list();
  }

  #list(): void {
    this.listings = this.#listed
      .filter(({ name }) => !this.#markets.has(name) || this.symbols.has(name))
      .map((listing) => (this.#halted.has(listing.name) ? { ...listing, closed: true } : listing))
      .map((listing) =>
        this.#finer.has(listing.name) ? { ...listing, price_scale: listing.price_scale + 1 } : listing,
      );
  }

  /** Connections that carry a channel. */
  carrying(channel: Channel): number {
    return [...this.#connections].filter((connection) => connection.carries(channel)).length;
  }

  #announceShutdown(connections: readonly Connection[], now_ms: number): void {
    const { shutdownNotice } = this.#options.protocol;
    if (shutdownNotice === undefined) return;
    for (const connection of connections) connection.send(shutdownNotice(connection.wrapped, now_ms));
  }

  #audience(): Connection[] {
    return [...this.#connections].filter(({ session }) => session?.active === true);
  }

  #burst(count: number): number {
    if (this.#faults.stalled_until_ms > 0) return 0;
    return this.#player === undefined
      ? this.#engine.burst(count)
      : this.#player.burst(count, this.#audience());
  }

  #tick(): void {
    const now_ms = nowMs();
    const faults = this.#faults;
    if (faults.stalled_until_ms > 0) {
      if (now_ms < faults.stalled_until_ms) return;
      faults.stalled_until_ms = 0;
      for (const connection of this.#connections) connection.release();
    }
    if (faults.slow_until_ms > 0 && now_ms >= faults.slow_until_ms) {
      faults.slow_until_ms = 0;
      this.#pacer.setRate(this.#options.rate);
    }
    const { slow_consumer } = this.#options.protocol;
    for (const connection of [...this.#connections]) {
      connection.session?.tick(now_ms);
      this.#grow(connection, now_ms);
      if (faults.slow_consumer_bytes > 0 && connection.backlog_bytes > faults.slow_consumer_bytes) {
        if (slow_consumer.text !== undefined) connection.send(slow_consumer.text);
        connection.end(slow_consumer.code, slow_consumer.reason);
      }
    }
  }

  /** Announces the end of a connection that has nearly reached its age, and ends it then. */
  #grow(connection: Connection, now_ms: number): void {
    const { close_after, notice, protocol } = this.#options;
    if (close_after === 0) return;
    const left_s = close_after - (now_ms - connection.opened_ms) / 1000;
    if (left_s <= notice && !connection.announced) {
      connection.announced = true;
      this.#announceShutdown([connection], now_ms);
    }
    if (left_s <= 0) connection.end(protocol.planned_close.code, protocol.planned_close.reason);
  }

  #open(socket: Socket, { path, query }: Request): SocketListener {
    const connection = new Connection(socket, this.#engine, this.#options.protocol);
    this.#connections.add(connection);
    this.connections_opened++;
    if (this.#faults.stalled_until_ms > 0) connection.hold();
    connection.session = this.#options.protocol.open(this, connection, path, query, nowMs());
    return {
      message: (data) => connection.session?.message(data.toString('utf8'), nowMs()),
      ping: () => connection.session?.ping(nowMs()),
      pong: () => connection.session?.pong(nowMs()),
      closed: () => {
        connection.forget();
        this.#connections.delete(connection);
      },
    };
  }

  /** What a fault or a limit has instead of an answer. */
  #refusal(target: 'rest' | 'upgrade', path: string): Reply | undefined {
    const now_ms = nowMs();
    if (now_ms < this.#faults.refuse_until_ms) return HANG_UP;
    const fault = this.#faults.httpFault(target, now_ms);
    if (fault !== undefined) return refusalOf(fault);
    if (target === 'rest') return undefined;
    if (!this.#options.protocol.accepts(path)) return { status: 404, headers: {}, body: '' };
    return this.#connects.take(now_ms) ? undefined : refusalOf({ kind: 'http', status: 429 });
  }

  #answer({ method, path, query }: Request): Reply {
    const refusal = this.#refusal('rest', path);
    if (refusal !== undefined) return refusal;
    if (method !== 'GET') return { status: 404, headers: {}, body: '' };
    return this.#rest.answer({ path, query: new URLSearchParams(query), now_ms: nowMs() });
  }
}

/** Listings for the symbols of a recording, so that discovery finds them. */
function recorded(protocol: VenueProtocol, frames: readonly RecordedFrame[]): Listing[] {
  const names = new Set(frames.map(({ raw }) => protocol.symbolOf(raw)).filter((name) => name !== undefined));
  const known = protocol.listings(Math.max(1, names.size));
  return [...names].map((name, i): Listing => {
    const { base, quote } = splitName(name);
    return { ...known[i], name, base, quote, closed: undefined };
  });
}

/** A guess good enough for a symbol list. */
function splitName(name: string): { base: string; quote: string } {
  const match = /^(.+)-(.+)$/.exec(name) ?? /^(.+)(USDT|USDC|BUSD|FDUSD|BTC|ETH|BNB|EUR|TRY)$/.exec(name);
  return match === null ? { base: name, quote: name } : { base: match[1], quote: match[2] };
}

const PAGE = '<!DOCTYPE html><html><head><title>Service unavailable</title></head><body></body></html>';

/** An answer that refuses, as a fault describes it. */
function refusalOf({ status = 503, retry_after, body }: FaultRequest): Reply {
  const wait_s = retry_after ?? (status === 429 || status === 503 ? 1 : 0);
  return {
    status,
    headers: {
      ...(wait_s > 0 ? { 'retry-after': String(wait_s) } : {}),
      'content-type': body === 'html' ? 'text/html' : 'application/json',
    },
    body: body === 'html' ? PAGE : '',
  };
}

function cut(connection: Connection, code: number | undefined): void {
  if (code === undefined) connection.abort();
  else connection.end(code, '');
}

function sendBroken(connection: Connection, request: FaultRequest): void {
  const type = '{"type":"unknown","e":"unknown","filler":"';
  switch (request.kind) {
    case 'garbage':
      connection.send('{"type":"match","trade_id":12,,]');
      break;
    case 'invalid-utf8':
      connection.sendFrame(
        new Uint8Array([...Buffer.from(type), 0xc3, 0x28, 0xff, ...Buffer.from('"}')]),
        false,
      );
      break;
    case 'huge':
      connection.send(`${type}${'x'.repeat(request.bytes ?? HUGE_BYTES)}"}`);
      break;
    case 'half-frame':
      connection.sendFrame(new Uint8Array(HALF_FRAME_BYTES).fill(0x20), false);
      connection.abort();
      break;
    default:
  }
}
