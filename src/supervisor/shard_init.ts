/**
 * What a shard thread and the writer are told about a connection. Main thread, when a shard is planned.
 */
import { RING_WORDS } from '../base/limits.js';
import type { Config } from '../config/options.js';
import { createHistogram } from '../counters/histogram.js';
import { createPacing } from '../feed/connection/pacing.js';
import type { Exchange } from '../feed/exchange.js';
import { type ShardPlan, wantedChannels } from '../feed/plan.js';
import type { StreamSpec } from '../feed/rows/streams.js';
import type { ShardInit } from '../feed/shard.js';
import { createRing } from '../ring/layout.js';
import type { Table } from '../schema/layout.js';
import { GAPS, KLINES } from '../schema/tables.js';

/** What the shards of all exchanges share. */
export class ShardResources {
  private readonly pacing = new Map<string, ShardInit['pacing']>();

  constructor(
    private readonly config: Config,
    private readonly ca: string | undefined,
    private readonly doorbell: SharedArrayBuffer,
  ) {}

  /** The limits of an exchange hold for all its connections together. */
  private pacingOf(exchange: string): ShardInit['pacing'] {
    let pacing = this.pacing.get(exchange);
    if (pacing === undefined) {
      pacing = { connects: createPacing(), asks: createPacing() };
      this.pacing.set(exchange, pacing);
    }
    return pacing;
  }

  init(
    exchange: Exchange,
    plan: Pick<ShardPlan, 'shard' | 'channels' | 'route'>,
    streams: readonly StreamSpec[],
    counters: SharedArrayBuffer,
  ): ShardInit {
    const { logger, websocket } = this.config;
    const section = this.config.exchanges[exchange.id];
    const { channels, candles } = wantedChannels(exchange, section);
    return {
      shard: plan.shard,
      exchange: exchange.id,
      streams,
      channels: plan.channels,
      elsewhere: exchange.anyAddress ? channels.filter((channel) => !plan.channels.includes(channel)) : [],
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
      ring: createRing(RING_WORDS),
      doorbell: this.doorbell,
      counters,
      latency: createHistogram(),
      pacing: this.pacingOf(exchange.id),
      restEndpoint: section.rest_endpoint,
    };
  }
}

/** Tables that the rows of a shard go to, without GAPS. */
export function tablesOf(exchange: Exchange, init: Pick<ShardInit, 'channels' | 'candles'>): Table[] {
  const tables = init.channels.map((channel) => exchange.channels[channel].table);
  return [...tables, ...init.candles.map((interval) => KLINES[interval])];
}

/** Column files that a symbol of the shard gets per day. */
export function filesPerSymbol(exchange: Exchange, init: Pick<ShardInit, 'channels' | 'candles'>): number {
  return [...tablesOf(exchange, init), GAPS].reduce((files, { columns }) => files + columns.length, 0);
}
