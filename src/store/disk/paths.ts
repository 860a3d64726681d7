/**
 * Where a column lies: `{data_path}/{exchange}/{symbol}/{TABLE}/{column}.{DD}.{MM}.{YY}.bin`. Row i of every column
 * file of a table-day is the same row. Days count from 1970-01-01 UTC.
 */
import { join } from 'node:path';

const DAY_MS = 86_400_000;

/** The stamp asked for last: thousands of files of one day are opened one after the other. */
let latest = { day: -1, stamp: '' };

/** The day part of a file name, e.g. `21.11.26`. */
export function dayStamp(day: number): string {
  if (latest.day !== day) latest = { day, stamp: stampOf(day) };
  return latest.stamp;
}

function stampOf(day: number): string {
  const date = new Date(day * DAY_MS);
  const two = (n: number) => String(n % 100).padStart(2, '0');
  return `${two(date.getUTCDate())}.${two(date.getUTCMonth() + 1)}.${two(date.getUTCFullYear())}`;
}

/** The day of a stamp, or undefined when it is none. Two-digit years mean 1970 to 2069. */
export function parseDayStamp(stamp: string): number | undefined {
  const match = /^(\d\d)\.(\d\d)\.(\d\d)$/.exec(stamp);
  if (match === null) return undefined;
  const year = Number(match[3]) + (Number(match[3]) >= 70 ? 1900 : 2000);
  const day = Math.floor(Date.UTC(year, Number(match[2]) - 1, Number(match[1])) / DAY_MS);
  return dayStamp(day) === stamp ? day : undefined;
}

/** ISO date of a day, e.g. `2026-11-21`. */
export function isoDay(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** Rows that a sink could not deliver (delivery/dead_letters.ts). */
export const DEAD_LETTERS_FOLDER = 'dead_letters';

/** Folders of the data directory that hold no exchange. */
export const RESERVED_FOLDERS: ReadonlySet<string> = new Set(['journal', 'quarantine', DEAD_LETTERS_FOLDER]);

/** Folder of a table; `symbolName` comes from encodeName. */
export function tableDirectory(
  dataPath: string,
  exchange: string,
  symbolName: string,
  table: string,
): string {
  return join(dataPath, exchange, symbolName, table);
}

export function columnFile(column: string, day: number): string {
  return `${column}.${dayStamp(day)}.bin`;
}

/** The column and day of a column file's name; undefined for any other name. */
export function parseColumnFile(name: string): { readonly column: string; readonly day: number } | undefined {
  const match = /^([a-z0-9_]+)\.(\d\d\.\d\d\.\d\d)\.bin$/.exec(name);
  const day = match === null ? undefined : parseDayStamp(match[2]);
  return match === null || day === undefined ? undefined : { column: match[1], day };
}

/** Rows, sizes and CRC-32 of the files of a table-day that is closed (store/seal/file.ts). */
export function checksumsFile(day: number): string {
  return `checksums.${dayStamp(day)}.json`;
}

/** The day of a checksum file's name; undefined for any other name. */
export function parseChecksumsFile(name: string): number | undefined {
  const match = /^checksums\.(\d\d\.\d\d\.\d\d)\.json$/.exec(name);
  return match === null ? undefined : parseDayStamp(match[1]);
}

/** Side-car of a table-day: one JSON object a line, `{"row":0,"column":"trade_price","text":"…"}`. */
export function literalsFile(day: number): string {
  return `literals.${dayStamp(day)}.jsonl`;
}

/** Messages of an exchange that were refused, by receive day: `{"day":"2026-11-21","reason":11,"text":"…"}`. */
export function rejectedFile(day: number): string {
  return `rejected.${dayStamp(day)}.jsonl`;
}
