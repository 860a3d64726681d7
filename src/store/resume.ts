/**
 * Where an earlier run stopped: the newest trade id on disk of a symbol, so that the next run can tell what was missed
 * in between and does not store again what an exchange repeats on subscribing. Main thread, at start.
 */
import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { TRADES } from '../schema/tables.js';
import { columnFile, parseDayStamp, tableDirectory } from './paths.js';

const ID_BYTES = 8;
/** Trades may be stored a little out of order: the newest id is looked for in so many last rows. */
const ROWS_LOOKED_AT = 4096;
const COLUMN = 'trade_id';
/** Ids beyond it are stored, but sequences do not follow them. */
const FOLLOWED_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** The newest trade id of a symbol as decimal text; '' when nothing is on disk. */
export function lastTradeId(dataPath: string, exchange: string, directory: string): string {
  const folder = tableDirectory(dataPath, exchange, directory, TRADES.name);
  const days = daysIn(folder);
  for (const day of days) {
    const id = newestIn(join(folder, columnFile(COLUMN, day)));
    if (id !== undefined) return String(id);
  }
  return '';
}

/** Days with trades, newest first. */
function daysIn(folder: string): number[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .filter((name) => name.startsWith(`${COLUMN}.`) && name.endsWith('.bin'))
    .map((name) => parseDayStamp(name.slice(COLUMN.length + 1, -'.bin'.length)))
    .filter((day) => day !== undefined)
    .sort((a, b) => b - a);
}

function newestIn(path: string): bigint | undefined {
  const fd = openSync(path, 'r');
  try {
    const rows = Math.floor(fstatSync(fd).size / ID_BYTES);
    const ids = new BigUint64Array(Math.min(rows, ROWS_LOOKED_AT));
    readSync(fd, ids, 0, ids.byteLength, (rows - ids.length) * ID_BYTES);
    return ids.reduce<bigint | undefined>(
      (max, id) => (id <= FOLLOWED_MAX && (max === undefined || id > max) ? id : max),
      undefined,
    );
  } finally {
    closeSync(fd);
  }
}
