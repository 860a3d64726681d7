/**
 * What a comparison of ledger and disk says, and its text for the terminal. Filled by compare.ts.
 */
import type { Channel } from '../market/channels.js';

/** Counts of events and rows of one channel of one symbol. */
export interface ChannelComparison {
  readonly exchange: string;
  readonly symbol: string;
  readonly channel: Channel;
  /** events of the ledger */
  sent: number;
  /** events that were handed to a connection at least once */
  delivered: number;
  /** rows on disk */
  on_disk: number;
  /** events neither on disk nor in GAPS */
  missing: number;
  /** events not on disk that GAPS lists */
  listed: number;
  /** events before the first or after the last delivered one: the logger could not know of them */
  outside: number;
  /** rows of events that were never sent or never delivered */
  unexpected: number;
  /** rows of an event that is already there */
  repeated: number;
  /** rows with other values than the event */
  different: number;
  /** rows that stand before one of an earlier event */
  disordered: number;
  /** times that the book rebuilt from the rows was compared with the simulator's */
  books: number;
  /** times that it was another one */
  wrong_books: number;
  /** the first differences, as text */
  readonly examples: string[];
}

/** Nothing found yet. */
export function emptyResult(exchange: string, symbol: string, channel: Channel): ChannelComparison {
  const zero = { sent: 0, delivered: 0, on_disk: 0, missing: 0, listed: 0, outside: 0, books: 0 };
  const faults = { unexpected: 0, repeated: 0, different: 0, disordered: 0, wrong_books: 0 };
  return { exchange, symbol, channel, ...zero, ...faults, examples: [] };
}

export interface Comparison {
  readonly channels: readonly ChannelComparison[];
  /** nothing missing, unexpected, repeated, different or disordered, and no wrong book */
  readonly ok: boolean;
}

const FAULTS = ['missing', 'unexpected', 'repeated', 'different', 'disordered', 'wrong_books'] as const;

/** How many things are wrong with a channel. */
export function faultsOf(channel: ChannelComparison): number {
  return FAULTS.reduce((sum, fault) => sum + channel[fault], 0);
}

/** The verdict on all channels. */
export function comparisonOf(channels: readonly ChannelComparison[]): Comparison {
  return { channels, ok: channels.every((channel) => faultsOf(channel) === 0) };
}

const COLUMNS = [
  'sent',
  'delivered',
  'on_disk',
  'missing',
  'listed',
  'outside',
  'unexpected',
  'repeated',
  'different',
  'disordered',
  'books',
  'wrong_books',
] as const;
const WORST_MAX = 10;
const NAME_WIDTH = 32;

type Counts = Pick<ChannelComparison, (typeof COLUMNS)[number]>;

function line(name: string, counts: Counts): string {
  return (
    name.padEnd(NAME_WIDTH) +
    COLUMNS.map((column) => String(counts[column]).padStart(Math.max(11, column.length + 2))).join('')
  );
}

function sum(channels: readonly ChannelComparison[]): Counts {
  const totals = Object.fromEntries(COLUMNS.map((column) => [column, 0])) as Record<
    (typeof COLUMNS)[number],
    number
  >;
  for (const channel of channels) for (const column of COLUMNS) totals[column] += channel[column];
  return totals;
}

function grouped(
  channels: readonly ChannelComparison[],
  key: (channel: ChannelComparison) => string,
): [string, ChannelComparison[]][] {
  const groups = new Map<string, ChannelComparison[]>();
  for (const channel of channels) {
    const name = key(channel);
    groups.set(name, [...(groups.get(name) ?? []), channel]);
  }
  return [...groups];
}

/** Totals per exchange and channel, the worst symbols with their first differences, and the verdict. */
export function formatComparison(comparison: Comparison): string {
  const { channels, ok } = comparison;
  const heads = COLUMNS.map((column) =>
    column.replaceAll('_', ' ').padStart(Math.max(11, column.length + 2)),
  );
  const lines = [`${''.padEnd(NAME_WIDTH)}${heads.join('')}`];
  for (const [name, group] of grouped(channels, ({ exchange, channel }) => `${exchange} ${channel}`))
    lines.push(line(name, sum(group)));
  lines.push(line('total', sum(channels)));
  const worst = channels.filter((channel) => faultsOf(channel) > 0);
  worst.sort((a, b) => faultsOf(b) - faultsOf(a));
  if (worst.length > 0)
    lines.push('', `worst ${Math.min(WORST_MAX, worst.length)} of ${worst.length} with differences:`);
  for (const channel of worst.slice(0, WORST_MAX)) {
    lines.push(line(`${channel.exchange} ${channel.symbol} ${channel.channel}`, channel));
    for (const example of channel.examples) lines.push(`    ${example}`);
  }
  lines.push(
    '',
    ok ? 'every delivered event is on disk exactly once, with exactly its values' : 'DIFFERENCES FOUND',
  );
  return lines.join('\n');
}
