/**
 * The data channels of the simulator and what an event of each carries, declared once: the account's record format
 * and the comparison with the tables derive from it.
 */

import type { Table } from '../schema/layout.js';
import { BBO, MD, TRADES } from '../schema/tables.js';

export const CHANNELS = ['trades', 'ticker', 'bbo'] as const;
export type Channel = (typeof CHANNELS)[number];

/** A number of an event: the columns it must be found in. */
export interface LiteralSpec {
  /** f32 column */
  readonly column: string;
  /** name in the table's `literals`, when the table keeps its exact digits */
  readonly exact?: string;
}

export interface ChannelSpec {
  readonly table: Table;
  /** column of the id, when the channel has one that is unique per symbol */
  readonly id?: string;
  readonly side?: string;
  readonly literals: readonly LiteralSpec[];
}

export const CHANNEL_SPECS: Readonly<Record<Channel, ChannelSpec>> = {
  trades: {
    table: TRADES,
    id: 'trade_id',
    side: 'trade_side',
    literals: [
      { column: 'trade_price', exact: 'price' },
      { column: 'trade_size', exact: 'size' },
    ],
  },
  ticker: {
    table: MD,
    side: 'side',
    literals: [
      { column: 'price', exact: 'price' },
      { column: 'best_bid', exact: 'best_bid' },
      { column: 'best_ask', exact: 'best_ask' },
      { column: 'volume', exact: 'volume' },
      { column: 'last_size' },
      { column: 'volume_24h' },
    ],
  },
  bbo: {
    table: BBO,
    id: 'update_id',
    literals: [
      { column: 'best_bid', exact: 'best_bid' },
      { column: 'best_bid_size', exact: 'best_bid_size' },
      { column: 'best_ask', exact: 'best_ask' },
      { column: 'best_ask_size', exact: 'best_ask_size' },
    ],
  },
};

/** Bit of a channel in `started` and `listened`. */
export function channelBit(channel: Channel): number {
  return 1 << CHANNELS.indexOf(channel);
}
