/**
 * The data channels of the simulator and what an event of each carries, declared once: the ledger's record format
 * and the comparison with the tables derive from it. Every interval of candles is a channel of its own.
 */

import type { Table } from '../../schema/layout.js';
import {
  AGG_TRADES,
  BBO,
  BOOK,
  KLINE_INTERVALS,
  KLINES,
  type KlineInterval,
  MD,
  TRADES,
} from '../../schema/tables.js';

export type KlineChannel = `klines_${KlineInterval}`;
export type Channel = 'trades' | 'ticker' | 'bbo' | 'agg_trades' | 'book' | KlineChannel;

export const INTERVALS = Object.keys(KLINE_INTERVALS) as readonly KlineInterval[];

/** What the weights of a mix stand for, in their order; `klines` is every interval that is subscribed. */
export const MIX_NAMES = ['trades', 'ticker', 'bbo', 'agg_trades', 'book', 'klines'] as const;

export function klineChannel(interval: KlineInterval): KlineChannel {
  return `klines_${interval}`;
}

export const KLINE_CHANNELS: readonly KlineChannel[] = INTERVALS.map(klineChannel);
export const CHANNELS: readonly Channel[] = [
  'trades',
  'ticker',
  'bbo',
  'agg_trades',
  'book',
  ...KLINE_CHANNELS,
];

/** A number of an event: the columns it must be found in. */
export interface NumberSpec {
  /** f32 column */
  readonly column: string;
  /** name among the exact numbers of the table, when the table keeps its exact digits */
  readonly exact?: string;
}

export interface ChannelSpec {
  readonly table: Table;
  /** column of the id, when the channel has one that is unique per symbol */
  readonly id?: string;
  /** column of a sequence number that several rows may share */
  readonly sequence?: string;
  readonly side?: string;
  readonly numbers: readonly NumberSpec[];
  /** integer columns, recorded behind the numbers */
  readonly integers: readonly string[];
}

const number = (column: string, exact = column): NumberSpec => ({ column, exact });

/** Place of each number of a candle among the event's values. */
export const KLINE_AT = {
  open: 0,
  high: 1,
  low: 2,
  close: 3,
  volume: 4,
  quote_volume: 5,
  taker_buy_base: 6,
  taker_buy_quote: 7,
  close_time: 8,
  trades: 9,
} as const;

const klineSpec = (interval: KlineInterval): ChannelSpec => ({
  table: KLINES[interval],
  numbers: KLINES[interval].exactNumbers.map((column) => number(column)),
  integers: ['close_time', 'trades'],
});

const SPECS: Readonly<Record<Exclude<Channel, KlineChannel>, ChannelSpec>> = {
  trades: {
    table: TRADES,
    id: 'trade_id',
    side: 'trade_side',
    numbers: [number('trade_price', 'price'), number('trade_size', 'size')],
    integers: [],
  },
  ticker: {
    table: MD,
    side: 'side',
    numbers: [
      number('price'),
      number('best_bid'),
      number('best_ask'),
      number('volume'),
      { column: 'last_size' },
      { column: 'volume_24h' },
    ],
    integers: [],
  },
  bbo: {
    table: BBO,
    id: 'update_id',
    numbers: [number('best_bid'), number('best_bid_size'), number('best_ask'), number('best_ask_size')],
    integers: [],
  },
  agg_trades: {
    table: AGG_TRADES,
    id: 'trade_id',
    side: 'trade_side',
    numbers: [number('trade_price', 'price'), number('trade_size', 'size')],
    integers: ['first_trade_id', 'last_trade_id'],
  },
  book: {
    table: BOOK,
    sequence: 'seq',
    side: 'side',
    numbers: [number('price'), number('size')],
    integers: ['checksum'],
  },
};

export const CHANNEL_SPECS: Readonly<Record<Channel, ChannelSpec>> = {
  ...SPECS,
  ...(Object.fromEntries(
    INTERVALS.map((interval) => [klineChannel(interval), klineSpec(interval)]),
  ) as Record<KlineChannel, ChannelSpec>),
};

/** Bit of a channel in `started`, `listened` and `owed`. */
export const CHANNEL_BITS = Object.fromEntries(CHANNELS.map((channel, i) => [channel, 1 << i])) as Readonly<
  Record<Channel, number>
>;

/** Weights per channel of a mix given as in MIX_NAMES; what is left out weighs nothing. */
export function channelWeights(mix: readonly number[]): number[] {
  return CHANNELS.map((channel) => {
    const name = channel.startsWith('klines_') ? 'klines' : channel;
    return mix[MIX_NAMES.indexOf(name as (typeof MIX_NAMES)[number])] ?? 0;
  });
}
