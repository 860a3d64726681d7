/**
 * An exchange for benchmarks: REST, subscriptions and acknowledgements are those of the simulator, the data are frames
 * that were made beforehand. Runs in a process of its own, see main.ts.
 */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { assert } from '../../src/base/errors.js';
import { createHistogram, HistogramWriter, type Quantiles, quantiles } from '../../src/counters/histogram.js';
import type { Channel } from '../../src/simulator/market/channels.js';
import { SymbolMarket } from '../../src/simulator/market/market.js';
import { Denials } from '../../src/simulator/server/denials.js';
import type { Link, RestSide, Session, VenueView } from '../../src/simulator/server/protocol.js';
import { makeCertificate } from '../../src/simulator/server/tls.js';
import { PROTOCOLS } from '../../src/simulator/venues/index.js';
import { clockUs } from '../clock.js';
import { FIRST_ID, type Stream, Totals } from './block.js';
import { Feeder, NOW } from './feeder.js';
import { TEMPLATES, type TimeForm } from './templates.js';

const MARKET_TICK_MS = 100;
/** Trades that a subscription begins with: no client may count them. */
const HISTORY = /^\{"type":"last_match"/;

export interface ServerOptions {
  readonly exchange: string;
  readonly symbols: number;
  readonly tls: boolean;
}

export interface ServerEndpoint {
  readonly ws: string;
  readonly rest: string;
  /** certificate to trust, with TLS */
  readonly ca?: string;
}

/** What one order to send has come to. */
export interface Sent {
  /** of everything since the start */
  readonly messages: number;
  /** sum of their sizes in units of 10^-8 */
  readonly size: number;
  /** by symbol */
  readonly symbols: Readonly<Record<string, { readonly messages: number; readonly size: number }>>;
  /** microseconds of CPU of the server's process while it sent */
  readonly cpu_us: number;
  readonly wall_us: number;
  /** microseconds between the scheduled time of the messages and their write */
  readonly late: Quantiles;
}

class ServerConnection implements Link {
  wrapped = false;
  sequence = 0;
  sent_ms = 0;
  session: Session | undefined;
  readonly streams = new Map<string, Stream>();
  feeder: Feeder | undefined;

  constructor(
    private readonly server: BenchServer,
    private readonly ws: WebSocket,
    readonly socket: Socket,
  ) {}

  send(text: string): void {
    if (!HISTORY.test(text)) this.ws.send(text);
  }
  sendBinary(text: string): void {
    this.ws.send(Buffer.from(text));
  }
  cork(sends: () => void): void {
    sends();
  }
  later(delay_ms: number, action: () => void): void {
    setTimeout(action, delay_ms).unref();
  }
  ping(payload: string): void {
    this.ws.ping(payload);
  }
  end(code: number, reason: string): void {
    this.ws.close(code, reason);
  }
  abort(): void {
    this.socket.destroy();
  }
  subscribe(symbol: SymbolMarket, channel: Channel): void {
    const stream = this.server.stream(symbol.listing.name, channel);
    if (stream === undefined) return;
    this.streams.set(`${symbol.listing.name} ${channel}`, stream);
    this.feeder = undefined;
    this.server.changed();
  }
  unsubscribe(symbol: SymbolMarket, channel: Channel): void {
    this.streams.delete(`${symbol.listing.name} ${channel}`);
    this.feeder = undefined;
    this.server.changed();
  }
  snapshot(): void {}
}

export class BenchServer implements VenueView {
  readonly timings;
  readonly listings;
  readonly symbols: ReadonlyMap<string, SymbolMarket>;
  readonly denials = new Denials();
  private readonly options: ServerOptions;
  private readonly rest: RestSide;
  private readonly streams = new Map<string, Stream>();
  private readonly totals: Totals;
  private readonly connections = new Set<ServerConnection>();
  private readonly http: Server;
  private readonly ca: string | undefined;
  private readonly time: TimeForm;
  private readonly timer: NodeJS.Timeout;
  private telling = false;
  /** called when a client has subscribed, or is gone */
  onSubscriptions: (connections: number, streams: number) => void = () => {};

  /** No number of connections is too large. */
  carrying(): number {
    return 0;
  }

  constructor(options: ServerOptions) {
    const protocol = PROTOCOLS[options.exchange];
    const templates = TEMPLATES[options.exchange];
    assert(protocol !== undefined && templates !== undefined, `${options.exchange} cannot be benchmarked`);
    this.options = options;
    // no client is dropped for reading slowly or for silence
    this.timings = { ...protocol.timings, subscribe_deadline_ms: 0, pong_deadline_ms: 3_600_000, idle_ms: 0 };
    this.listings = protocol.listings(options.symbols);
    const trading = this.listings.filter(({ closed }) => closed !== true);
    const markets = trading.map((listing, i) => new SymbolMarket(listing, i, 1, 256, clockUs(), 1));
    for (const market of markets) market.last_id = FIRST_ID - 1;
    this.symbols = new Map(markets.map((market) => [market.listing.name, market]));
    for (const [channel, template] of Object.entries(templates))
      for (const listing of trading)
        this.streams.set(`${listing.name} ${channel}`, { listing, template, index: this.streams.size });
    this.totals = new Totals(this.streams.size);
    const [{ time }] = Object.values(templates);
    this.time = time;
    this.rest = protocol.rest(this);
    const handler = (request: IncomingMessage, response: ServerResponse) => this.answer(request, response);
    if (options.tls) {
      const { cert_path, key_path } = makeCertificate();
      this.ca = cert_path;
      this.http = createTlsServer({ cert: readFileSync(cert_path), key: readFileSync(key_path) }, handler);
    } else this.http = createServer(handler);
    this.acceptSockets();
    this.timer = setInterval(() => this.tick(), MARKET_TICK_MS);
  }

  async listen(): Promise<ServerEndpoint> {
    await new Promise<void>((resolve) => this.http.listen(0, '127.0.0.1', resolve));
    const { port } = this.http.address() as AddressInfo;
    const s = this.options.tls ? 's' : '';
    return { ws: `ws${s}://127.0.0.1:${port}`, rest: `http${s}://127.0.0.1:${port}`, ca: this.ca };
  }

  close(): void {
    clearInterval(this.timer);
    for (const { socket } of this.connections) socket.destroy();
    this.http.close();
    this.http.closeAllConnections();
  }

  stream(symbol: string, channel: Channel): Stream | undefined {
    return this.streams.get(`${symbol} ${channel}`);
  }

  /** Books are not benchmarked through the socket. */
  fetchBook(): void {}

  /** Tells of all streams of a request, or of several, at once. */
  changed(): void {
    if (this.telling) return;
    this.telling = true;
    setImmediate(() => {
      this.telling = false;
      const streams = [...this.connections].reduce((n, connection) => n + connection.streams.size, 0);
      this.onSubscriptions(this.connections.size, streams);
    });
  }

  /** Sends `messages` over all connections that have subscribed, at `rate` per second or as fast as they are taken. */
  async send(messages: number, rate: number | undefined, wait: Wait = 'awake'): Promise<Sent> {
    const late = createHistogram();
    const feeders = this.feeders(new HistogramWriter(late));
    assert(feeders.length > 0, 'no client has subscribed');
    const [cpu, from_us] = [process.cpuUsage(), clockUs()];
    if (rate === undefined) {
      for (const [i, feeder] of feeders.entries()) feeder.send(share(messages, i, feeders.length), NOW);
    } else await keepSchedule(feeders, messages, rate, wait);
    await Promise.all(feeders.map((feeder) => feeder.drained()));
    const { user, system } = process.cpuUsage(cpu);
    return { ...this.sent(), cpu_us: user + system, wall_us: clockUs() - from_us, late: quantiles([late]) };
  }

  private sent(): Pick<Sent, 'messages' | 'size' | 'symbols'> {
    const { messages, size } = this.totals;
    const sum = (values: Float64Array) => values.reduce((a, b) => a + b, 0);
    const symbols: Record<string, { messages: number; size: number }> = {};
    for (const { listing, index } of this.streams.values()) {
      if (messages[index] === 0) continue;
      const before = symbols[listing.name] ?? { messages: 0, size: 0 };
      symbols[listing.name] = {
        messages: before.messages + messages[index],
        size: before.size + size[index],
      };
    }
    return { messages: sum(messages), size: sum(size), symbols };
  }

  private feeders(late: HistogramWriter): Feeder[] {
    const subscribed = [...this.connections].filter(({ streams }) => streams.size > 0);
    return subscribed.map((connection, i) => {
      connection.feeder ??= new Feeder(
        connection.socket,
        [...connection.streams.values()],
        connection.wrapped,
        this.time,
        this.totals,
        i,
      );
      connection.feeder.late = late;
      return connection.feeder;
    });
  }

  private tick(): void {
    const now_ms = clockUs() / 1000;
    for (const [name, market] of this.symbols) {
      const trades = this.streams.get(`${name} trades`);
      if (trades !== undefined) market.last_id = FIRST_ID - 1 + this.totals.messages[trades.index];
    }
    for (const { session } of this.connections) session?.tick(now_ms);
  }

  private acceptSockets(): void {
    const { exchange } = this.options;
    const sockets = new WebSocketServer({ noServer: true });
    this.http.on('upgrade', (request: IncomingMessage, socket: Socket, head) => {
      const [path, query = ''] = (request.url ?? '/').split('?', 2);
      sockets.handleUpgrade(request, socket, head, (ws) => {
        socket.setNoDelay(true);
        const connection = new ServerConnection(this, ws, socket);
        this.connections.add(connection);
        connection.session = PROTOCOLS[exchange].open(this, connection, path, query, clockUs() / 1000);
        ws.on('message', (data) => connection.session?.message(String(data), clockUs() / 1000));
        ws.on('ping', () => connection.session?.ping(clockUs() / 1000));
        ws.on('pong', () => connection.session?.pong(clockUs() / 1000));
        // a client that ends while something is sent to it: its counts will not agree, which is said there
        ws.on('error', () => {});
        ws.on('close', () => {
          this.connections.delete(connection);
          this.changed();
        });
      });
    });
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const [path, query = ''] = (request.url ?? '/').split('?', 2);
    const answer = this.rest.answer({ path, query: new URLSearchParams(query), now_ms: clockUs() / 1000 });
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }
}

/** How much of a whole the i-th of n gets. */
function share(whole: number, i: number, n: number): number {
  return Math.floor((whole * (i + 1)) / n) - Math.floor((whole * i) / n);
}

/** Between sends, unless messages are further apart: with fewer in each, both ends would do little but call the kernel. */
const TICK_US = 100;
/** Between sends: how the time is passed. Sockets have their turn in any case. */
export type Wait = 'awake' | 'asleep';
/** Of a wait that is longer than this the event loop sleeps the part in front of it. */
const DOZE_US = 3000;
const NEVER = new Int32Array(new SharedArrayBuffer(4));

/**
 * Sends on time, whatever becomes of it: each message at its own time, or all that are due within a tick with the time of
 * that tick, each over the connection behind that of the message before, so that connections are spread as evenly as
 * messages. Threads that sleep wake late; one that looks at the clock all the time does not, and needs a core.
 */
function keepSchedule(feeders: readonly Feeder[], messages: number, rate: number, wait: Wait): Promise<void> {
  const start_us = clockUs() + 1000;
  const tick_us = Math.max(TICK_US, 1e6 / rate);
  let [tick, sent] = [0, 0];
  return new Promise((resolve) => {
    const next = () => {
      const time_us = start_us + tick * tick_us;
      const left_us = time_us - clockUs();
      if (wait === 'asleep' && left_us > DOZE_US) {
        setTimeout(next, Math.floor((left_us - DOZE_US / 2) / 1000));
        return;
      }
      waitUntil(time_us, wait);
      tick++;
      const due = dueBy(tick * tick_us, messages, rate) - sent;
      sendInTurn(feeders, sent, due, time_us);
      sent += due;
      if (sent === messages) resolve();
      else setImmediate(next);
    };
    next();
  });
}

function waitUntil(time_us: number, wait: Wait): void {
  for (let now_us = clockUs(); now_us < time_us; now_us = clockUs())
    if (wait === 'asleep') Atomics.wait(NEVER, 0, 0, (time_us - now_us) / 1000);
}

/** Messages that are due within so much time; a tick that is as long as a message lasts has one, whatever is cut off. */
function dueBy(elapsed_us: number, messages: number, rate: number): number {
  return Math.min(messages, Math.floor((elapsed_us * rate) / 1e6 + 1e-6));
}

/** Message `first` and those behind it, each by the feeder behind that of the one before. */
function sendInTurn(feeders: readonly Feeder[], first: number, count: number, time_us: number): void {
  const n = feeders.length;
  for (let i = 0; i < Math.min(count, n); i++)
    feeders[(first + i) % n].send(Math.ceil((count - i) / n), time_us);
}
