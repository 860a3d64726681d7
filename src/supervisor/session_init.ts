/**
 * What a shard thread and the writer must know of a connection. Main thread, when a session is planned.
 */
import type { Config } from '../config/options.js';
import { createHistogram } from '../counters/histogram.js';
import { createGate, HostGate } from '../feed/connection/host_gate.js';
import type { NetworkOptions } from '../feed/connection/network/network.js';
import { createPacing } from '../feed/connection/pacing.js';
import { exchangeRest, type RestAccess } from '../feed/connection/rest.js';
import type { Exchange, FetchJson } from '../feed/exchange.js';
import { type SessionPlan, wantedChannels } from '../feed/plan.js';
import type { RuleOptions } from '../feed/rows/rules.js';
import type { StreamSpec } from '../feed/rows/streams.js';
import type { SessionInit } from '../feed/session_init.js';
import type { Table } from '../schema/layout.js';
import { GAPS, KLINES } from '../schema/tables.js';

/** A host that has told us to stay away. */
export interface ClosedHost {
  readonly host: string;
  readonly secs: number;
  readonly status: number;
}

/** Of one exchange: connection attempts and REST requests. */
interface Pacing {
  readonly connects: SharedArrayBuffer;
  readonly requests: SharedArrayBuffer;
}

/** What the sessions of all exchanges share. */
export class SessionResources {
  private readonly pacing = new Map<string, Pacing>();
  /** by host */
  private readonly gates = new Map<string, SharedArrayBuffer>();

  constructor(
    private readonly config: Config,
    private readonly ca: string | undefined,
  ) {}

  /** The limits of an exchange hold for all its connections together. */
  private pacingOf(exchange: string): Pacing {
    let pacing = this.pacing.get(exchange);
    if (pacing === undefined) {
      pacing = { connects: createPacing(), requests: createPacing() };
      this.pacing.set(exchange, pacing);
    }
    return pacing;
  }

  private get rules(): RuleOptions {
    const { action, jump_percent_max, breaker_percent, breaker_rows } = this.config.validation;
    return {
      setsAside: action === 'quarantine',
      jumpPercentMax: jump_percent_max,
      breakerPercent: breaker_percent,
      breakerRows: breaker_rows,
    };
  }

  private get network(): NetworkOptions {
    const { proxy, name_servers, address_timeout_secs } = this.config.network;
    return { proxy, nameServers: name_servers, addressTimeoutMs: address_timeout_secs * 1000 };
  }

  /** What a host asks for holds for everything that goes to it, whichever exchange and thread it comes from. */
  private gateOf(endpoint: string): SharedArrayBuffer {
    const { host } = new URL(endpoint);
    let gate = this.gates.get(host);
    if (gate === undefined) this.gates.set(host, (gate = createGate()));
    return gate;
  }

  private access(
    exchange: Exchange,
    endpoint = this.config.exchanges[exchange.id].rest_endpoint,
  ): RestAccess {
    const { requests } = this.pacingOf(exchange.id);
    return { endpoint, ca: this.ca, network: this.network, gate: this.gateOf(endpoint), requests };
  }

  /** Where the configuration names a REST interface of its own, that has the history as well. */
  private history(exchange: Exchange): RestAccess {
    const { rest_endpoint } = this.config.exchanges[exchange.id];
    const isDefault = rest_endpoint === exchange.defaults.rest_endpoint;
    return this.access(exchange, isDefault ? exchange.historyEndpoint : undefined);
  }

  /** The REST interface of an exchange, for the main thread. */
  rest(exchange: Exchange): FetchJson {
    return exchangeRest(exchange, this.access(exchange));
  }

  /** Hosts that have told us to stay away, with the seconds that are left and the status they said it with. */
  closed(): ClosedHost[] {
    return [...this.gates].flatMap(([host, memory]) => {
      const gate = new HostGate(memory);
      const secs = Math.ceil(gate.waitMs() / 1000);
      return secs > 0 && gate.status !== 0 ? [{ host, secs, status: gate.status }] : [];
    });
  }

  init(
    exchange: Exchange,
    plan: Pick<SessionPlan, 'session' | 'channels' | 'route'>,
    streams: readonly StreamSpec[],
    counters: SharedArrayBuffer,
  ): SessionInit {
    const { logger, websocket } = this.config;
    const section = this.config.exchanges[exchange.id];
    const { channels, candles } = wantedChannels(exchange, section);
    return {
      session: plan.session,
      exchange: exchange.id,
      streams,
      channels: plan.channels,
      otherRoutes: exchange.anyRoute ? channels.filter((channel) => !plan.channels.includes(channel)) : [],
      candles: plan.channels.includes('trades') ? candles : [],
      parser: logger.parser,
      clockSkewSecondsMax: logger.max_clock_skew_secs,
      rules: this.rules,
      connection: {
        endpoint: section.ws_endpoint,
        route: plan.route,
        ca: this.ca,
        network: this.network,
        frameBytesMax: websocket.frame_bytes_max,
        messageTimeoutMs: websocket.message_timeout_secs * 1000,
        firstRetryMs: websocket.initial_retry_delay_secs * 1000,
        longestRetryMs: websocket.max_retry_delay_secs * 1000,
        ackTimeoutMs: websocket.ack_timeout_secs * 1000,
        gate: this.gateOf(section.ws_endpoint),
      },
      redundancy: section.redundancy,
      connectionSecsMax: section.connection_secs_max,
      counters,
      latency: createHistogram(),
      connects: this.pacingOf(exchange.id).connects,
      rest: this.access(exchange),
      history: this.history(exchange),
    };
  }
}

/** Tables that the rows of a session go to, without GAPS. */
function tablesOf(exchange: Exchange, init: Pick<SessionInit, 'channels' | 'candles'>): Table[] {
  const tables = init.channels.map((channel) => exchange.channels[channel].table);
  return [...tables, ...init.candles.map((interval) => KLINES[interval])];
}

/** Column files that a symbol of the session gets per day. */
export function filesPerSymbol(exchange: Exchange, init: Pick<SessionInit, 'channels' | 'candles'>): number {
  return [...tablesOf(exchange, init), GAPS].reduce((files, { columns }) => files + columns.length, 0);
}
