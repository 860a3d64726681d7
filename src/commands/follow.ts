/**
 * `logger read --follow`: prints rows as they reach the files. The sizes of the files are looked at a few times a second:
 * the shortest column says how many rows are whole, as for every reader.
 */
import { setTimeout } from 'node:timers/promises';
import { isWhole, listDays, type TableDay, tableDayAt } from '../store/read/reader.js';
import type { RowPrinter } from './row_printer.js';
import type { TablePlace } from './select.js';

const LOOK_MS = 200;

/** Aborted by the first Ctrl+C or SIGTERM; a second one ends the process. */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort());
  return stopping.signal;
}

/** Goes on behind the table-days that were printed until it is stopped or the reader goes away. */
export async function follow(
  place: TablePlace,
  printed: readonly TableDay[],
  printer: RowPrinter,
  stop: AbortSignal,
): Promise<void> {
  const rows = new Map(printed.map((tableDay) => [tableDay.day, tableDay.rows]));
  let oldest = Math.min(...rows.keys());
  while (!stop.aborted && !printer.closed) {
    for (const day of listDays(place.directory, place.table).filter((each) => each >= oldest)) {
      const tableDay = tableDayAt({ ...place, day });
      // the first rows of a day may not have reached every column
      if (!isWhole(tableDay)) continue;
      const known = rows.get(day) ?? 0;
      rows.set(day, tableDay.rows);
      // fewer rows: the files were removed and begun again
      if (tableDay.rows !== known) await printer.print(tableDay, tableDay.rows < known ? 0 : known);
      // rows that come late after midnight belong to the day before
      if (tableDay.rows > 0) oldest = Math.max(oldest, day - 1);
    }
    await printer.flush();
    await setTimeout(LOOK_MS, undefined, { signal: stop }).catch(() => undefined);
  }
}
