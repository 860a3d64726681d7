/**
 * What a shard thread and the writer must know of a connection. Main thread, when a session is planned.
 */
import type { Config } from '../config/options.js';
import { createHistogram } from '../counters/histogram.js';
import { createGate, HostGate } from '../feed/connection/host_gate.js';
import { type NetworkOptions, networkOf } from '../feed/connection/network/network.js';
import { createPacing, REST_PER_MINUTE, reserve } from '../feed/connection/pacing.js';
import { restOf } from '../feed/connection/rest.js';
import type { Exchange, FetchJson } from '../feed/exchange.js';
import { type SessionPlan, wantedChannels } from '../feed/plan.js';
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

/** What the sessions of all exchanges share. */
export class SessionResources {
  private readonly pacing = new Map<string, SessionInit['pacing']>();
  /** by host */
  private readonly gates = new Map<string, SharedArrayBuffer>();

  constructor(
    private readonly config: Config,
    private readonly ca: string | undefined,
  ) {}

  /** The limits of an exchange hold for all its connections together. */
  private pacingOf(exchange: string): SessionInit['pacing'] {
    let pacing = this.pacing.get(exchange);
    if (pacing === undefined) {
      pacing = { connects: createPacing(), requests: createPacing() };
      this.pacing.set(exchange, pacing);
    }
    return pacing;
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

  /** The REST interface of an exchange, for the main thread. */
  rest(exchange: Exchange): FetchJson {
    const { rest_endpoint } = this.config.exchanges[exchange.id];
    const { requests } = this.pacingOf(exchange.id);
    return restOf(rest_endpoint, {
      ca: this.ca,
      network: networkOf(this.network),
      gate: new HostGate(this.gateOf(rest_endpoint)),
      usage: exchange.restUsage,
      reserve: () => reserve(requests, exchange.limits.restPerMinute ?? REST_PER_MINUTE),
    });
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
      pacing: this.pacingOf(exchange.id),
      restGate: this.gateOf(section.rest_endpoint),
      restEndpoint: section.rest_endpoint,
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
