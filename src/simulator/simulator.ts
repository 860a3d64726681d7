/**
 * The simulator as a whole: exchanges, control port, ledger summary. A process of its own, or started by a test.
 * Called by commands/simulate.ts.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LoggerError, messageOf } from '../base/errors.js';
import type { Answer, Request, Server } from '../server/contract.js';
import { guardOf } from '../server/guard.js';
import { jsonAnswer } from '../server/routing.js';
import { startServer } from '../server/start.js';
import { LEVELS_DEFAULT } from './market/market.js';
import { FaultProxy } from './server/fault_proxy.js';
import { type FaultRequest, isNetworkFault, parseFault } from './server/faults.js';
import { LOOPBACK } from './server/loopback.js';
import type { VenueTimings } from './server/protocol.js';
import { readRecording } from './server/recording.js';
import { type Certificate, makeCertificate } from './server/tls.js';
import { Venue } from './server/venue.js';
import { PROTOCOLS } from './venues/index.js';

/** A fault is a few words. */
const CONTROL_BYTES_MAX = 64 * 1024;
const CONTROL_CONNECTIONS_MAX = 256;

export const SIMULATOR_DEFAULTS = {
  exchanges: ['coinbase', 'binance'] as readonly string[],
  symbols: 20,
  rate: 1000,
  mix: [6, 3, 1, 3, 4, 1] as readonly number[],
  levels: LEVELS_DEFAULT,
  seed: 1,
} as const;

export interface SimulatorOptions {
  readonly exchanges?: readonly string[];
  /** per exchange */
  readonly symbols?: number;
  /** data messages per second and exchange; 0 = as fast as clients take them */
  readonly rate?: number;
  /** weights in the order of MIX_NAMES */
  readonly mix?: readonly number[];
  /** levels per side of every book */
  readonly levels?: number;
  readonly seed?: number;
  readonly messages?: number;
  readonly seconds?: number;
  /** age in seconds at which connections are closed; 0: never */
  readonly close_after?: number;
  /** how many seconds before that it is announced, where the exchange does that */
  readonly notice?: number;
  /** first port; 0 = free ports */
  readonly port_base?: number;
  readonly tls?: boolean;
  readonly certificate?: Certificate;
  /** whether clients come through a proxy that has the faults of networks */
  readonly fault_proxy?: boolean;
  readonly ledger_directory?: string;
  /** recording to play instead of a market */
  readonly play?: string;
  readonly faults?: readonly FaultRequest[];
  readonly timings?: Partial<VenueTimings>;
}

export interface Endpoints {
  readonly ready: true;
  readonly exchanges: Readonly<Record<string, { ws: string; rest: string }>>;
  readonly control: string;
  /** certificate to trust, with TLS */
  readonly ca?: string;
}

export interface LedgerSummary {
  readonly exchanges: Record<
    string,
    {
      sent: number;
      finished: boolean;
      connections: number;
      connections_opened: number;
      channels: Record<string, { events: number; delivered: number; undelivered: number }>;
    }
  >;
}

export class Simulator {
  readonly #options: SimulatorOptions;
  readonly #venues: readonly Venue[];
  readonly #proxies = new Map<Venue, FaultProxy>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #certificate: Certificate | undefined;
  #control: Server | undefined;
  #stopped = false;
  /** called after a stop over the control port */
  on_stop: () => void = () => {};

  constructor(options: SimulatorOptions) {
    const settings = { ...SIMULATOR_DEFAULTS, ...definedOf(options) };
    this.#options = settings;
    if (settings.ledger_directory !== undefined) mkdirSync(settings.ledger_directory, { recursive: true });
    if (settings.play !== undefined && settings.exchanges.length !== 1)
      throw new LoggerError('USAGE', '--play needs exactly one exchange in --exchanges');
    if (!settings.mix.some((weight) => weight > 0))
      throw new LoggerError('USAGE', '--mix needs at least one weight above 0');
    const recording = settings.play === undefined ? undefined : readRecording(settings.play);
    this.#certificate = settings.tls ? (settings.certificate ?? makeCertificate()) : undefined;
    this.#venues = settings.exchanges.map((id, i) => {
      if (!Object.hasOwn(PROTOCOLS, id)) {
        const known = Object.keys(PROTOCOLS).join(', ');
        throw new LoggerError('USAGE', `exchange ${JSON.stringify(id)} cannot be simulated; known: ${known}`);
      }
      return new Venue({
        protocol: PROTOCOLS[id],
        symbols: settings.symbols,
        rate: settings.rate,
        mix: settings.mix,
        levels: settings.levels,
        seed: settings.seed,
        messages: settings.messages ?? 0,
        seconds: settings.seconds ?? 0,
        close_after: settings.close_after ?? 0,
        notice: settings.notice ?? 0,
        port: settings.fault_proxy === true ? 0 : portAt(settings.port_base, i + 1),
        certificate: this.#certificate,
        ledger_directory: settings.ledger_directory,
        recording,
        timings: settings.timings ?? {},
      });
    });
  }

  /** Opens the ports; the faults of the options are timed from here. */
  async start(): Promise<Endpoints> {
    for (const [i, venue] of this.#venues.entries()) {
      await venue.listen();
      if (this.#options.fault_proxy === true)
        await this.#proxy(venue, portAt(this.#options.port_base, i + 1));
    }
    this.#control = await this.#startControl();
    for (const fault of this.#options.faults ?? []) this.fault(fault);
    const [ws, http] = this.#certificate === undefined ? ['ws', 'http'] : ['wss', 'https'];
    return {
      ready: true,
      exchanges: Object.fromEntries(
        this.#venues.map((venue) => {
          const { port } = this.#proxies.get(venue) ?? venue;
          return [venue.id, { ws: `${ws}://127.0.0.1:${port}`, rest: `${http}://127.0.0.1:${port}` }];
        }),
      ),
      control: `http://127.0.0.1:${this.#control.port}`,
      ...(this.#certificate === undefined ? {} : { ca: this.#certificate.cert_path }),
    };
  }

  async #proxy(venue: Venue, port: number): Promise<void> {
    const proxy = new FaultProxy(venue.port);
    this.#proxies.set(venue, proxy);
    await proxy.listen(port);
  }

  /** Carries out a fault on the exchanges it names, now or on its schedule. */
  fault(request: FaultRequest): void {
    if (request.exchange !== undefined && !this.#venues.some(({ id }) => id === request.exchange))
      throw new LoggerError('USAGE', `fault: exchange ${JSON.stringify(request.exchange)} is not simulated`);
    const hit = this.#venues.filter(({ id }) => request.exchange === undefined || request.exchange === id);
    if (request.kind === 'corrupt' && !hit.some(({ id }) => PROTOCOLS[id].checksums === true))
      throw new LoggerError('USAGE', `fault: ${hit.map(({ id }) => id).join(', ')} sends no checksums`);
    if (isNetworkFault(request.kind) && this.#options.fault_proxy !== true)
      throw new LoggerError('USAGE', `fault: ${request.kind} needs --fault-proxy`);
    this.#schedule(request);
  }

  /** Writes what the ledger holds so far; answers the totals. */
  summary(): LedgerSummary {
    for (const venue of this.#venues) venue.flushLedger();
    return this.totals();
  }

  totals(): LedgerSummary {
    return {
      exchanges: Object.fromEntries(
        this.#venues.map(({ id, sent, finished, connections, connections_opened, totals }) => [
          id,
          { sent, finished, connections, connections_opened, channels: totals },
        ]),
      ),
    };
  }

  /** Ends the markets but leaves the connections open, so that clients can take what is on its way. */
  finish(): void {
    for (const venue of this.#venues) venue.finish();
  }

  /** Ends every connection, completes the ledger, closes the ports. */
  stop(): LedgerSummary {
    const summary = this.summary();
    if (this.#stopped) return summary;
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const proxy of this.#proxies.values()) proxy.close();
    for (const venue of this.#venues) venue.close();
    this.#control?.close();
    if (this.#options.ledger_directory !== undefined) {
      const path = join(this.#options.ledger_directory, 'ledger.json');
      writeFileSync(path, `${JSON.stringify(summary, null, 2)}\n`);
    }
    return summary;
  }

  #schedule(request: FaultRequest): void {
    const apply = () => {
      for (const venue of this.#venues) {
        if (request.exchange !== undefined && request.exchange !== venue.id) continue;
        if (isNetworkFault(request.kind)) this.#proxies.get(venue)?.fault(request);
        else venue.fault(request);
      }
      if (request.every !== undefined && request.every > 0)
        this.#timers.push(setTimeout(apply, request.every * 1000));
    };
    if (request.after === undefined) apply();
    else this.#timers.push(setTimeout(apply, request.after * 1000));
  }

  #startControl(): Promise<Server> {
    return startServer({
      ...LOOPBACK,
      port: portAt(this.#options.port_base, 0),
      connections_max: CONTROL_CONNECTIONS_MAX,
      guard: guardOf({ host: LOOPBACK.host, advice: 'ask for 127.0.0.1 or localhost' }),
      routes: [
        { method: 'GET', path: '/ledger', answer: () => jsonAnswer(200, this.summary()) },
        {
          method: 'POST',
          path: '/finish',
          body_bytes_max: CONTROL_BYTES_MAX,
          answer: () => {
            this.finish();
            return jsonAnswer(200, this.summary());
          },
        },
        {
          method: 'POST',
          path: '/stop',
          body_bytes_max: CONTROL_BYTES_MAX,
          answer: () => this.#stopSoon(),
        },
        {
          method: 'POST',
          path: '/fault',
          body_bytes_max: CONTROL_BYTES_MAX,
          answer: (request) => this.#faultOf(request),
        },
      ],
    });
  }

  /** Stops when the answer has left. */
  #stopSoon(): Answer {
    setTimeout(() => {
      this.stop();
      this.on_stop();
    }, 10);
    return jsonAnswer(200, this.summary());
  }

  #faultOf({ body }: Request): Answer {
    try {
      this.fault(parseFault(JSON.parse(body.toString('utf8'))));
      return jsonAnswer(200, { done: true });
    } catch (error) {
      return jsonAnswer(400, { error: messageOf(error) });
    }
  }
}

/** Starts a simulator in this process. */
export async function startSimulator(
  options: SimulatorOptions = {},
): Promise<{ simulator: Simulator; endpoints: Endpoints }> {
  const simulator = new Simulator(options);
  try {
    return { simulator, endpoints: await simulator.start() };
  } catch (error) {
    simulator.stop();
    throw error;
  }
}

function portAt(base: number | undefined, offset: number): number {
  return base === undefined || base === 0 ? 0 : base + offset;
}

function definedOf(options: SimulatorOptions): SimulatorOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
