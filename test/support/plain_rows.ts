/**
 * The rows of the column files as the lines that the sink `jsonl` should have written, read with plain buffer code: no
 * reader of the program, and of its declarations only names and types of columns.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ColumnType } from '../../src/schema/columns.js';
import type { Table } from '../../src/schema/layout.js';
import { GAP_CAUSES, TABLES } from '../../src/schema/tables.js';

/** A row by the names of its fields. */
export type PlainRow = Readonly<Record<string, string | number | null>>;

const WIDTHS: Readonly<Record<ColumnType, number>> = { u32: 4, f32: 4, u64: 8, uuid: 16 };
const COLUMN_FILE = /^(.+)\.(\d\d)\.(\d\d)\.(\d\d)\.bin$/;
const SIDES = ['unknown', 'buy', 'sell'];
const INSTRUMENT_STATES = ['unlisted', 'pre_trading', 'trading', 'halted', 'delisted'];
const BOOK_SIDES = ['none', 'bid', 'ask'];

/** Every row of a data directory by its name: exchange, symbol, table, day and number. */
export function plainRows(dataPath: string): Map<string, PlainRow> {
  const rows = new Map<string, PlainRow>();
  const folders = (path: string) => readdirSync(path, { withFileTypes: true }).filter((e) => e.isDirectory());
  for (const { name: exchange } of folders(dataPath)) {
    if (['journal', 'quarantine', 'dead_letters'].includes(exchange)) continue;
    for (const { name: symbol } of folders(join(dataPath, exchange)))
      for (const { name } of folders(join(dataPath, exchange, symbol))) {
        const table = TABLES.find((t) => t.name === name) as Table;
        const folder = join(dataPath, exchange, symbol, name);
        const stamps = readdirSync(folder).map((file) => COLUMN_FILE.exec(file)?.slice(2).join('.'));
        for (const stamp of new Set(stamps.filter((s) => s !== undefined)))
          addTableDay(rows, folder, table, exchange, decodeURIComponent(symbol), stamp);
      }
  }
  return rows;
}

/** What names a row. */
export function rowName(row: Readonly<Record<string, unknown>>): string {
  return ['exchange', 'native', 'table', 'day', 'row'].map((key) => row[key]).join(' ');
}

function addTableDay(
  rows: Map<string, PlainRow>,
  folder: string,
  table: Table,
  exchange: string,
  native: string,
  stamp: string,
): void {
  const files = new Map<string, Buffer>();
  for (const { name } of table.columns) {
    const path = join(folder, `${name}.${stamp}.bin`);
    if (existsSync(path)) files.set(name, readFileSync(path));
  }
  const texts = literals(join(folder, `literals.${stamp}.jsonl`));
  const [day, month, year] = stamp.split('.');
  const base = { exchange, native, table: table.name, day: `20${year}-${month}-${day}` };
  const count = Math.min(
    ...table.columns.flatMap(
      ({ name, type }) => (files.get(name)?.length ?? Number.POSITIVE_INFINITY) / WIDTHS[type],
    ),
  );
  for (let row = 0; row < count; row++) {
    const { table: of_table, ...values } = valuesOf(table, files, row, texts.get(row) ?? new Map());
    const plain = { ...base, row, ...values, ...(of_table === undefined ? {} : { of_table }) };
    rows.set(rowName(plain), plain);
  }
}

function literals(path: string): Map<number, Map<string, string>> {
  const found = new Map<number, Map<string, string>>();
  if (!existsSync(path)) return found;
  for (const line of readFileSync(path, 'utf8')
    .split('\n')
    .filter((text) => text !== '')) {
    const { row, column, text } = JSON.parse(line);
    found.set(row, (found.get(row) ?? new Map()).set(column, text));
  }
  return found;
}

function valuesOf(
  table: Table,
  files: ReadonlyMap<string, Buffer>,
  row: number,
  texts: ReadonlyMap<string, string>,
): Record<string, string | number | null> {
  const u32 = (name: string) => (files.get(name) as Buffer).readUInt32LE(row * 4);
  const flags = u32('flags');
  let optional = 16;
  const values: Record<string, string | number | null> = {};
  for (const { name, type, exact, optional: mayMiss } of table.columns) {
    const missing = mayMiss === true && (flags & (1 << optional++)) !== 0;
    const file = files.get(name);
    if (exact === true || name.endsWith('nanos') || file === undefined) continue;
    const number = table.exactNumbers.findIndex((n) => n === name || `trade_${n}` === name);
    if (missing) values[name] = null;
    else if (/(^|_)time$/.test(name)) values[name] = timeOf(name, u32, files);
    else if (number >= 0)
      values[name] = texts.get(name) ?? decimalOf(table.exactNumbers[number], number, files, row);
    else values[name] = plainValue(table, name, type, file, row);
  }
  return values;
}

function timeOf(
  name: string,
  u32: (name: string) => number,
  files: ReadonlyMap<string, Buffer>,
): string | null {
  const seconds = u32(name);
  const nanos = name.replace(/time$/, 'nanos');
  const text = new Date(seconds * 1000).toISOString().slice(0, 19);
  if (seconds === 0) return null;
  return files.has(nanos) ? `${text}.${String(u32(nanos)).padStart(9, '0')}Z` : `${text}Z`;
}

function decimalOf(
  number: string,
  position: number,
  files: ReadonlyMap<string, Buffer>,
  row: number,
): string {
  const digits = String((files.get(`${number}_digits`) as Buffer).readBigUInt64LE(row * 8));
  const scales = files.get(position < 4 ? 'scales' : 'scales_high') as Buffer;
  const scale = scales.readUInt8(row * 4 + (position % 4));
  const padded = digits.padStart(scale + 1, '0');
  const split = padded.length - scale;
  return scale === 0 ? digits : `${padded.slice(0, split)}.${padded.slice(split)}`;
}

function plainValue(
  table: Table,
  name: string,
  type: ColumnType,
  file: Buffer,
  row: number,
): string | number | null {
  if (type === 'u64') return String(file.readBigUInt64LE(row * 8));
  if (type === 'uuid') {
    const hex = file.toString('hex', row * 16, row * 16 + 16);
    return /^0+$/.test(hex) ? null : hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }
  if (type === 'f32') {
    const value = file.readFloatLE(row * 4);
    return Number.isNaN(value) ? null : `f32 ${value}`;
  }
  const value = file.readUInt32LE(row * 4);
  if (/side$/.test(name)) return (table.name === 'BOOK' ? BOOK_SIDES : SIDES)[value] as string;
  if (table.name === 'INSTRUMENTS' && name === 'state') return INSTRUMENT_STATES[value] as string;
  if (table.name !== 'GAPS') return value;
  if (name === 'table') return TABLES.find(({ id }) => id === value)?.name ?? value;
  if (name === 'cause') return Object.entries(GAP_CAUSES).find(([, { id }]) => id === value)?.[0] ?? value;
  return value;
}

/** Where a row that was delivered differs from the files; '' when it does not. */
export function difference(plain: PlainRow, delivered: Readonly<Record<string, unknown>>): string {
  const wrong = Object.entries(plain).filter(([name, value]) => {
    const got = delivered[name];
    return typeof value === 'string' && value.startsWith('f32 ')
      ? Math.fround(Number(got)) !== Number(value.slice(4))
      : got !== value;
  });
  // a database has room for what only some exchanges have
  const more = Object.keys(delivered).filter(
    (name) => !(name in plain) && name !== 'symbol' && delivered[name] !== null,
  );
  return [
    ...wrong.map(
      ([name, value]) => `${name}: ${JSON.stringify(delivered[name])} instead of ${JSON.stringify(value)}`,
    ),
    ...more.map((name) => `${name} is no column`),
  ].join(', ');
}
