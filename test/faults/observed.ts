/** What the files of a data directory show of a capture while it runs, and after it. */
import { groupBy } from '../../src/base/group_by.js';
import { flag } from '../../src/schema/flags.js';
import { GAPS } from '../../src/schema/tables.js';
import { CHANNEL_SPECS } from '../../src/simulator/market/channels.js';
import { knownGaps } from '../../src/store/read/gap_states.js';
import { readGaps } from '../../src/store/read/listings.js';
import { listTableDays, readColumns, type TableDay, u32Of } from '../../src/store/read/reader.js';

const REPAIRED = flag('repaired');
const NOT_LIVE = REPAIRED | flag('replayed');

/** Where the trades of an exchange are: single ones of the futures of Binance are for those with a key. */
export const tradeChannel = (exchange: string) => (exchange === 'binance-futures' ? 'agg_trades' : 'trades');
export const tradesOf = (exchange: string) => CHANNEL_SPECS[tradeChannel(exchange)].table;

/** Table-days of one kind of table by symbol; the table may differ by exchange. */
function bySymbol(data: string, exchanges: readonly string[], table: (exchange: string) => string) {
  const days = exchanges.flatMap((exchange) => listTableDays(data, { exchange, table: table(exchange) }));
  return [...groupBy(days, ({ exchange, symbol }) => `${exchange} ${symbol}`).values()];
}

/** Of every symbol the times in ms at which its trades were received live, ascending. */
export function liveTimes(data: string, exchanges: readonly string[]): number[][] {
  return bySymbol(data, exchanges, (exchange) => tradesOf(exchange).name).map((days) =>
    days.flatMap((day) => receivedIn(day, (flags) => (flags & NOT_LIVE) === 0)).sort((a, b) => a - b),
  );
}

/** How many trades were missed and then fetched. */
export function repairedTrades(data: string, exchanges: readonly string[]): number {
  return bySymbol(data, exchanges, (exchange) => tradesOf(exchange).name)
    .flat()
    .reduce((sum, day) => sum + receivedIn(day, (flags) => (flags & REPAIRED) !== 0).length, 0);
}

function receivedIn(day: TableDay, isMeant: (flags: number) => boolean): number[] {
  if (day.rows === 0) return [];
  const block = readColumns(day, ['recv_time', 'recv_nanos', 'flags']);
  const [seconds, nanos, flags] = ['recv_time', 'recv_nanos', 'flags'].map((name) => u32Of(block, name));
  const times: number[] = [];
  for (const [row, bits] of flags.entries())
    if (isMeant(bits)) times.push(seconds[row] * 1000 + nanos[row] / 1e6);
  return times;
}

/** When gaps were listed, in ms; what became of them aside. */
export function gapTimes(data: string, exchanges: readonly string[]): number[] {
  return bySymbol(data, exchanges, () => GAPS.name)
    .flat()
    .flatMap((day) => {
      if (day.rows === 0) return [];
      const block = readColumns(day, ['time', 'nanos']);
      return Array.from(u32Of(block, 'time'), (time, row) => time * 1000 + u32Of(block, 'nanos')[row] / 1e6);
    });
}

/** How many gaps may still be closed. */
export function openGaps(data: string, exchanges: readonly string[]): number {
  return bySymbol(data, exchanges, () => GAPS.name).reduce((sum, days) => {
    const gaps = knownGaps(days.flatMap((day) => [...readGaps(day)]));
    return sum + gaps.filter(({ state }) => state === 'open').length;
  }, 0);
}
