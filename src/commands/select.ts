/** Finds exchange, symbol and table by the names on the command line and says what exists when there is none. */
import { LoggerError } from '../base/errors.js';
import { encodeName } from '../base/names.js';
import type { Table } from '../schema/layout.js';
import { tableDirectory } from '../store/disk/paths.js';
import { listExchanges, listSymbols, listTables } from '../store/read/reader.js';

/** Where the data is when no `--data` says otherwise. */
export const DEFAULT_DATA_PATH = './data';
const NAMES_SHOWN = 20;

/** The folder of one table of one symbol. */
export interface TablePlace {
  readonly exchange: string;
  readonly symbol: string;
  readonly table: Table;
  readonly directory: string;
}

/** A list for a message, cut when it is long. */
export function shortList(names: readonly string[], shown: number = NAMES_SHOWN): string {
  if (names.length === 0) return 'none';
  const more = names.length - shown;
  return names.slice(0, shown).join(', ') + (more > 0 ? ` and ${more.toLocaleString('en')} more` : '');
}

/** Names that begin like the wanted one first, so that a slip of the finger finds its neighbours. */
function nearestFirst(wanted: string, names: readonly string[]): string[] {
  const common = (name: string) => {
    let i = 0;
    while (i < name.length && name[i]?.toLowerCase() === wanted[i]?.toLowerCase()) i++;
    return i;
  };
  return [...names].sort((a, b) => common(b) - common(a));
}

function choose(wanted: string, names: readonly string[], message: (existing: string) => string): string {
  if (names.includes(wanted)) return wanted;
  const same = names.filter((name) => name.toLowerCase() === wanted.toLowerCase());
  if (same.length === 1) return same[0]!;
  throw new LoggerError('DATA_UNREADABLE', message(shortList(nearestFirst(wanted, names))));
}

/** An exchange of the data directory, in any case of letters; throws DATA_UNREADABLE and lists them. */
export function chooseExchange(dataPath: string, wanted: string): string {
  return choose(
    wanted,
    listExchanges(dataPath),
    (existing) => `no exchange ${wanted} in ${dataPath}; exchanges: ${existing}`,
  );
}

/** A native symbol of an exchange. */
export function chooseSymbol(dataPath: string, exchange: string, wanted: string): string {
  return choose(
    wanted,
    listSymbols(dataPath, exchange),
    (existing) => `no symbol ${wanted}; symbols of ${exchange}: ${existing}`,
  );
}

/** A table of a symbol. */
export function chooseTable(dataPath: string, exchange: string, symbol: string, wanted: string): TablePlace {
  const tables = listTables(dataPath, exchange, symbol);
  const name = choose(
    wanted,
    tables.map((t) => t.name),
    (existing) => `no table ${wanted}; tables of ${symbol}: ${existing}`,
  );
  const table = tables.find((t) => t.name === name)!;
  return { exchange, symbol, table, directory: tableDirectory(dataPath, exchange, encodeName(symbol), name) };
}
