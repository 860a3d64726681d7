/**
 * Whether GAPS lists only what was missed: no trade that it names is on disk, and of a time that it names more was sent
 * than is on disk.
 */
import { existsSync } from 'node:fs';
import { GAP_CAUSES, GAPS } from '../../src/schema/tables.js';
import { type ComparedSymbol, symbolsToCompare } from '../../src/simulator/compare/compare.js';
import { readGaps as listedIds } from '../../src/simulator/compare/gap_list.js';
import { readRows, type StoredRows } from '../../src/simulator/compare/rows.js';
import { CHANNEL_SPECS } from '../../src/simulator/market/channels.js';
import { LEDGER_AT, LedgerRecords, ledgerFile } from '../../src/simulator/market/ledger.js';
import { knownGaps } from '../../src/store/read/gap_states.js';
import { type GapRow, readGaps } from '../../src/store/read/listings.js';
import { listTableDays } from '../../src/store/read/reader.js';
import { tradeChannel } from './observed.js';

const TWO_32 = 4294967296;
const EXAMPLES_MAX = 5;
/** Causes of rows that list nothing as missing. */
const NOTES: readonly number[] = [GAP_CAUSES.clock.id, GAP_CAUSES.reset.id];

/** What is listed and was not missed, as text. */
export function falselyListed(ledger: string, data: string): string[] {
  return symbolsToCompare(ledger, data).flatMap((symbol) => {
    const trades = new Trades(ledger, data, symbol);
    return trades.exist ? [...trades.storedButListed(), ...trades.emptyGaps()] : [];
  });
}

/** What was made, stored and listed of the trades of a symbol. */
class Trades {
  private readonly channel;
  private readonly path: string;
  private readonly rows: StoredRows;
  private readonly place: string;

  constructor(
    ledger: string,
    private readonly data: string,
    private readonly of: ComparedSymbol,
  ) {
    const { exchange, symbol } = of;
    const channel = tradeChannel(exchange);
    this.channel = CHANNEL_SPECS[channel];
    this.path = ledgerFile(ledger, exchange, symbol, channel);
    this.rows = readRows(data, exchange, symbol, this.channel.table);
    this.place = `${exchange} ${symbol}`;
  }

  get exist(): boolean {
    return existsSync(this.path);
  }

  storedButListed(): string[] {
    const { data, of, channel, rows } = this;
    const gaps = listedIds(data, of.exchange, of.symbol).get(channel.table.id);
    const column = channel.id as string;
    const ids = Array.from(
      { length: rows.count },
      (_, row) => rows.word(column, row) + rows.word(column, row, 1) * TWO_32,
    ).filter((id) => gaps?.hasId(id));
    const shown = ids.slice(0, EXAMPLES_MAX);
    return ids.length === 0 ? [] : [`${this.place}: ${ids.length} trades are on disk and listed: ${shown}`];
  }

  /** Gaps of times that are not closed although all trades of that time are on disk. */
  emptyGaps(): string[] {
    const made = new LedgerRecords(this.path, tradeChannel(this.of.exchange));
    const sent = Array.from({ length: made.count }, (_, event) =>
      secondsOf((word) => made.word(event, LEDGER_AT.sent + word)),
    );
    const [time, nanos] = this.channel.table.time;
    const stored = Array.from({ length: this.rows.count }, (_, row) =>
      secondsOf((word) => this.rows.word(word === 0 ? time : (nanos as string), row)),
    );
    return this.timesListed()
      .map(({ fromTime, fromNanos, toTime, toNanos }) => {
        const [from, to] = [fromTime + fromNanos * 1e-9, toTime + toNanos * 1e-9];
        const within = (times: readonly number[]) => times.filter((at) => at >= from && at <= to).length;
        return { from, to, sent: within(sent), stored: within(stored) };
      })
      .filter((gap) => gap.stored >= gap.sent)
      .map((gap) => `${this.place}: from ${gap.from} to ${gap.to} all ${gap.sent} trades are on disk`);
  }

  private timesListed(): GapRow[] {
    const { exchange, symbol } = this.of;
    const days = listTableDays(this.data, { exchange, symbol, table: GAPS.name });
    return knownGaps(days.flatMap((day) => [...readGaps(day)]))
      .filter(({ row, state }) => row.toId === 0n && state !== 'repaired')
      .map(({ row }) => row)
      .filter(({ table, cause }) => table === this.channel.table.id && !NOTES.includes(cause));
  }
}

function secondsOf(word: (at: number) => number): number {
  return word(0) + word(1) * 1e-9;
}
