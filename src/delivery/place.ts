/** Where a row belongs: one table of one symbol on one day, with the names that last beyond a process. */
import { decodeName } from '../base/names.js';
import type { Table } from '../schema/layout.js';
import { isoDay } from '../store/disk/paths.js';
import type { StreamName } from '../store/journal/streams.js';

/** The same object for every row of a table-day that a source shows, so that targets can keep what they make of it. */
export interface Place {
  readonly exchange: string;
  /** the exchange's own name of the symbol */
  readonly native: string;
  /** normalized, `BTC-USD`; the native name where no normalized one is known */
  readonly symbol: string;
  /** folder name of the symbol */
  readonly directory: string;
  readonly table: Table;
  /** days since 1970 */
  readonly day: number;
  /** whether the columns of exact digits are there; files may lack them */
  readonly exact: boolean;
}

/** Normalized name of a symbol; undefined when none is known. */
export type SymbolNames = (exchange: string, native: string) => string | undefined;

export function placeOf(
  { exchange, directory, symbol }: StreamName,
  table: Table,
  day: number,
  names: SymbolNames,
  exact = true,
): Place {
  const native = decodeName(directory) ?? directory;
  return {
    ...{ exchange, native, directory, table, day, exact },
    symbol: symbol ?? names(exchange, native) ?? native,
  };
}

/** What names its rows but for their number, as texts that are the same in every target; keys as in ROW_KEY. */
export function placeTexts({ exchange, symbol, native, table, day }: Place) {
  return { exchange, symbol, native, table: table.name, day: isoDay(day) };
}

/** Name of a table-day among all of a data directory. */
export function tableDayKey(exchange: string, directory: string, table: string, day: number): string {
  return `${exchange}/${directory}/${table}/${day}`;
}
