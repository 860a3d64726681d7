/** What INSTRUMENTS says last of each symbol of an exchange. Main thread, when the exchange has listed its symbols. */
import { encodeName } from '../../base/names.js';
import { factsOf, INSTRUMENT_FACTS } from '../../schema/instrument.js';
import { INSTRUMENTS } from '../../schema/tables.js';
import { tableDirectory } from '../disk/paths.js';
import { listDays, listSymbols, readColumns, tableDayAt, usable } from './reader.js';

/** Facts of the newest row by native symbol, of symbols that have any. */
export function newestInstruments(dataPath: string, exchange: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const symbol of listSymbols(dataPath, exchange)) {
    const facts = usable(() => newestFacts(dataPath, exchange, symbol));
    if (facts !== undefined) found.set(symbol, facts);
  }
  return found;
}

function newestFacts(dataPath: string, exchange: string, symbol: string): string | undefined {
  const table = INSTRUMENTS;
  const directory = tableDirectory(dataPath, exchange, encodeName(symbol), table.name);
  for (const day of listDays(directory, table).reverse()) {
    const tableDay = tableDayAt({ exchange, symbol, directory, table, day });
    if (tableDay.rows === 0) continue;
    const { columns } = readColumns(tableDay, INSTRUMENT_FACTS, tableDay.rows - 1);
    return factsOf((name) => new Uint32Array(columns[name].buffer)[0]);
  }
  return undefined;
}
