/** Which rows a sink gets: by exchange, symbol and table. Asked once per table-day, never per row. */
import { selectionOf } from '../symbols/selection.js';
import type { Place } from './place.js';

export interface FilterOptions {
  readonly exchanges: 'all' | readonly string[];
  readonly symbols: 'all' | readonly string[];
  readonly tables: 'all' | readonly string[];
}

export type Filter = (place: Pick<Place, 'exchange' | 'native' | 'symbol' | 'table'>) => boolean;

export function filterOf({ exchanges, symbols, tables }: FilterOptions): Filter {
  const wantsSymbol = symbolFilter(symbols);
  return ({ exchange, native, symbol, table }) =>
    (exchanges === 'all' || exchanges.includes(exchange)) &&
    (tables === 'all' || tables.includes(table.name)) &&
    wantsSymbol(native, symbol);
}

/** Names and patterns mean the exchange's own name as well as the normalized one. */
function symbolFilter(symbols: FilterOptions['symbols']): (native: string, symbol: string) => boolean {
  const { names, matches, excludes } = selectionOf(symbols);
  return (native, symbol) => {
    const dash = symbol.lastIndexOf('-');
    const [base, quote] = dash < 0 ? ['', ''] : [symbol.slice(0, dash), symbol.slice(dash + 1)];
    const forms = [native, symbol].map((name) => ({ native: name, base, quote }));
    if (forms.some(excludes)) return false;
    return forms.some((form) => names.includes(form.native) || matches(form));
  };
}
