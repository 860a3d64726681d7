/** The rows of a database that the sink `sqlite` has written, as lines like those of `jsonl`. */
import { createRequire } from 'node:module';

interface Reader {
  prepare(sql: string): { all(): Record<string, unknown>[] };
  close(): void;
}

const TABLES: Readonly<Record<string, string>> = {
  trades: 'TRADES',
  agg_trades: 'AGG_TRADES',
  orderbooks: 'BOOK',
  market_data: 'MD',
  best_quotes: 'BBO',
  gaps: 'GAPS',
  instruments: 'INSTRUMENTS',
};

export function openDatabase(path: string): Reader {
  const require = createRequire(import.meta.url);
  const Driver = require('libsql') as new (path: string, options: object) => Reader;
  return new Driver(path, { readonly: true });
}

/** Whole numbers come as text: a double does not hold all of them. */
export function sqliteLines(path: string): Record<string, unknown>[] {
  const db = openDatabase(path);
  const lines = Object.entries({ ...TABLES, klines: '' }).flatMap(([name, table]) => {
    const columns = db.prepare(`SELECT name FROM pragma_table_info('${name}')`).all();
    const names = columns.map((column) => String(column['name']));
    const texts = names.map((column) => (isLong(column) ? `CAST(${column} AS TEXT) AS ${column}` : column));
    const rows = db.prepare(`SELECT ${texts.join(', ')} FROM ${name}`).all();
    return rows.map((row) => lineOf(table, names, row));
  });
  db.close();
  return lines;
}

function isLong(name: string): boolean {
  return name.endsWith('_ns') || name.endsWith('_id') || ['seq', 'messages'].includes(name);
}

function lineOf(
  table: string,
  names: readonly string[],
  row: Record<string, unknown>,
): Record<string, unknown> {
  const line: Record<string, unknown> = {};
  for (const name of names) {
    const value = row[name];
    if (name.endsWith('_ns')) line[name.slice(0, -3)] = value === null ? null : isoTime(name, String(value));
    else if (names.includes(`${name}_exact`)) expectNear(value, row[`${name}_exact`]);
    else line[name.replace(/_exact$/, '')] = value;
  }
  const { interval, ...others } = line;
  const day = new Date(Number(line['day']) * 86_400_000).toISOString().slice(0, 10);
  return { ...others, day, table: interval === undefined ? table : `KLINES_${interval}` };
}

function isoTime(name: string, ns: string): string {
  const seconds = new Date(Number(ns.slice(0, -9)) * 1000).toISOString().slice(0, 19);
  return /^(open|close|listed)_time/.test(name) ? `${seconds}Z` : `${seconds}.${ns.slice(-9)}Z`;
}

/** The double is the one nearest to the exact text. */
function expectNear(value: unknown, exact: unknown): void {
  const nearest = exact === null ? null : Number(exact);
  if (value !== nearest) throw new Error(`${value} stands beside ${exact}`);
}
