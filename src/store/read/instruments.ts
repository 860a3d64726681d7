/** What INSTRUMENTS says last of a symbol. Main thread, when the exchange has listed its symbols for the first time. */
import { encodeName } from '../../base/names.js';
import { factsOf, INSTRUMENT_FACTS } from '../../schema/instrument.js';
import { INSTRUMENTS } from '../../schema/tables.js';
import { tableDirectory } from '../disk/paths.js';
import { listDays, readColumns, tableDayAt, usable } from './reader.js';

/** Facts of the newest row; undefined where there is none, or none that can be read. */
export function newestInstrument(dataPath: string, exchange: string, symbol: string): string | undefined {
  const table = INSTRUMENTS;
  const directory = tableDirectory(dataPath, exchange, encodeName(symbol), table.name);
  return usable(() => {
    for (const day of listDays(directory, table).reverse()) {
      const tableDay = tableDayAt({ exchange, symbol, directory, table, day });
      if (tableDay.rows === 0) continue;
      const { columns } = readColumns(tableDay, INSTRUMENT_FACTS, tableDay.rows - 1);
      return factsOf((name) => new Uint32Array(columns[name].buffer)[0]);
    }
    return undefined;
  });
}
