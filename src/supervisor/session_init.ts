/**
 * What a shard thread and the writer must know of a connection. Main thread, when a session is planned.
 */
import type { Config } from '../config/options.js';
import { createHistogram } from '../counters/histogram.js';
import { createPacing } from '../feed/connection/pacing.js';
import type { Exchange } from '../feed/exchange.js';
import { type SessionPlan, wantedChannels } from '../feed/plan.js';
import type { StreamSpec } from '../feed/rows/streams.js';
import type { SessionInit } from '../feed/session_init.js';
import type { Table } from '../schema/layout.js';
import { GAPS, KLINES } from '../schema/tables.js';

/** What the sessions of all exchanges share. */
export class SessionResources {
  private readonly pacing = new Map<string, SessionInit['pacing']>();

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
        frameBytesMax: websocket.frame_bytes_max,
        messageTimeoutMs: websocket.message_timeout_secs * 1000,
        firstRetryMs: websocket.initial_retry_delay_secs * 1000,
        longestRetryMs: websocket.max_retry_delay_secs * 1000,
        ackTimeoutMs: websocket.ack_timeout_secs * 1000,
      },
      redundancy: section.redundancy,
      connectionSecsMax: section.connection_secs_max,
      counters,
      latency: createHistogram(),
      pacing: this.pacingOf(exchange.id),
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
