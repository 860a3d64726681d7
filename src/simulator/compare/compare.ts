/**
 * Compares the ledger of a simulation with what the logger has on disk, row by row: every delivered event is there
 * exactly once with exactly its values, nothing else is, and what is missing is listed in GAPS. Symbol by symbol.
 * Runs in a process of its own (tests, bench, command) after both have stopped.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LoggerError } from '../../base/errors.js';
import { decodeName } from '../../base/names.js';
import { flag } from '../../schema/flags.js';
import { CHANNEL_SPECS, CHANNELS } from '../market/channels.js';
import { LedgerRecords, ledgerFile } from '../market/ledger.js';
import { ChannelJob } from './channel_comparison.js';
import { type ChannelComparison, type Comparison, comparisonOf, emptyResult } from './comparison.js';
import { GapList, readGaps } from './gap_list.js';
import { directoriesIn, readRows } from './rows.js';

export { comparisonOf, formatComparison } from './comparison.js';
export type { ChannelComparison, Comparison };

const AGGREGATED = flag('aggregated');

/** A symbol that was simulated or that rows are on disk of. */
export interface ComparedSymbol {
  readonly exchange: string;
  readonly symbol: string;
}

/** What compareSymbol() has to look at. Throws DATA_UNREADABLE when there is no ledger. */
export function symbolsToCompare(ledgerDir: string, dataPath: string): ComparedSymbol[] {
  if (!existsSync(ledgerDir))
    throw new LoggerError('DATA_UNREADABLE', `no ledger at ${ledgerDir}: run logger simulate --ledger`);
  return directoriesIn(ledgerDir).flatMap((exchange) => {
    const names = new Set([
      ...directoriesIn(join(ledgerDir, exchange)),
      ...directoriesIn(join(dataPath, exchange)),
    ]);
    const symbols = [...names].map(decodeName).filter((symbol) => symbol !== undefined);
    return symbols.sort().map((symbol) => ({ exchange, symbol }));
  });
}

/** Compares every channel of one symbol. */
export function compareSymbol(
  ledgerDir: string,
  dataPath: string,
  { exchange, symbol }: ComparedSymbol,
): ChannelComparison[] {
  const gaps = readGaps(dataPath, exchange, symbol);
  return CHANNELS.flatMap((channel): ChannelComparison[] => {
    const { table } = CHANNEL_SPECS[channel];
    const path = ledgerFile(ledgerDir, exchange, symbol, channel);
    const rows = readRows(dataPath, exchange, symbol, table);
    const result = emptyResult(exchange, symbol, channel);
    if (!existsSync(path)) {
      if (rows.allFlagged(AGGREGATED)) return [];
      result.on_disk = rows.count;
      result.unexpected = rows.count;
      result.examples.push('the simulation sent nothing on this channel');
      return [result];
    }
    new ChannelJob(result, new LedgerRecords(path, channel), rows, gaps.get(table.id) ?? new GapList()).run();
    return [result];
  });
}

/**
 * Compares the ledger in `ledgerDir` with the column files under `dataPath`. Both processes must have stopped, or
 * at least have written everything: the logger flushes every few seconds, the simulator on GET /ledger.
 */
export function compareLedger(ledgerDir: string, dataPath: string): Comparison {
  const symbols = symbolsToCompare(ledgerDir, dataPath);
  return comparisonOf(symbols.flatMap((symbol) => compareSymbol(ledgerDir, dataPath, symbol)));
}
