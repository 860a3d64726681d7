/**
 * The tables as PostgreSQL gets them: types that keep every value exactly, one table for the candles of all lengths, and
 * what names a row as the primary key. A time is there twice where it has nanoseconds: as a timestamp, which ends at
 * microseconds, and as a whole number. Derived from the fields; statements and lines of COPY are loops over the columns.
 */
import type { Table } from '../schema/layout.js';
import { isoDay } from '../store/disk/paths.js';
import type { Field, FieldKind, ROW_KEY } from './fields.js';
import type { RecordView } from './record_view.js';
import { intervalOf, perSchema, type RowSchema } from './schemas/row_schema.js';

export interface PostgresColumn {
  readonly name: string;
  /** as the server writes it */
  readonly type: string;
  readonly nullable: boolean;
  /** as COPY takes it but for escapes; null when it is missing */
  readonly text: (view: RecordView) => string | null;
}

export interface PostgresTable {
  readonly name: string;
  readonly columns: readonly PostgresColumn[];
  /** columns of the primary key */
  readonly key: readonly string[];
}

/** Where a table has another name than its rows. */
const NAMES = { BOOK: 'orderbooks', MD: 'tickers', BBO: 'best_quotes', KLINES: 'market_data_ohlcv' };

const TYPES: Readonly<Record<FieldKind, string>> = {
  time: 'timestamp with time zone',
  decimal: 'numeric',
  float: 'real',
  u32: 'bigint',
  u64: 'numeric(20,0)',
  uuid: 'uuid',
  name: 'text',
};
/** Characters of an ISO time up to its microseconds. */
const MICROS_LENGTH = '2026-11-30T12:00:00.123456'.length;

function keyColumn(name: string, type: string, text: PostgresColumn['text']): PostgresColumn {
  return { name, type, nullable: false, text };
}

function keyColumns(isCandles: boolean): PostgresColumn[] {
  const interval = keyColumn('interval', 'text', ({ place }) => intervalOf(place.table));
  return [
    keyColumn('exchange' satisfies keyof typeof ROW_KEY, 'text', ({ place }) => place.exchange),
    keyColumn('native' satisfies keyof typeof ROW_KEY, 'text', ({ place }) => place.native),
    ...(isCandles ? [interval] : []),
    keyColumn('day' satisfies keyof typeof ROW_KEY, 'date', ({ place }) => isoDay(place.day)),
    keyColumn('row' satisfies keyof typeof ROW_KEY, 'bigint', ({ row }) => String(row)),
  ];
}

/** Cut, not rounded: a timestamp is never later than its time. */
function microsOf(time: string): string {
  return time.length <= MICROS_LENGTH ? time : `${time.slice(0, MICROS_LENGTH)}Z`;
}

function timeColumns({ name, nullable, text, word, nanosWord }: Field): PostgresColumn[] {
  const time: PostgresColumn = {
    ...{ name, type: TYPES.time, nullable },
    text: (view) => {
      const value = text(view);
      return value === null ? null : microsOf(value);
    },
  };
  if (nanosWord < 0) return [time];
  const nanos: PostgresColumn = {
    ...{ name: `${name}_ns`, type: 'bigint', nullable },
    text: (view) =>
      text(view) === null ? null : `${view.u32(word)}${String(view.u32(nanosWord)).padStart(9, '0')}`,
  };
  return [time, nanos];
}

function columnsOf(field: Field): PostgresColumn[] {
  const { name, kind, nullable, text } = field;
  return kind === 'time' ? timeColumns(field) : [{ name, type: TYPES[kind], nullable, text }];
}

function derive(name: string, { tables, fields }: RowSchema): PostgresTable {
  const [exchange, ...others] = keyColumns(tables.length > 1);
  const symbol = keyColumn('symbol', 'text', ({ place }) => place.symbol);
  return {
    name,
    columns: [exchange, symbol, ...others, ...fields.flatMap(columnsOf)],
    key: [exchange, ...others].map((column) => column.name),
  };
}

/** The table of PostgreSQL that the rows of a table go to. */
export const postgresTableOf: (table: Table) => PostgresTable = perSchema(NAMES, derive);

export function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

export function listOf(columns: readonly string[]): string {
  return columns.map(quoted).join(', ');
}

/** `qualified`: the name with its schema, quoted. */
export function createStatement(qualified: string, { columns, key }: PostgresTable): string {
  const lines = columns.map(columnDefinition);
  return `CREATE TABLE ${qualified} (${lines.join(', ')}, PRIMARY KEY (${listOf(key)}))`;
}

export function columnDefinition({ name, type, nullable }: PostgresColumn): string {
  return `${quoted(name)} ${type}${nullable ? '' : ' NOT NULL'}`;
}

const SPECIAL = /[\\\t\n\r]/g;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** The row as a line of COPY in its text format. */
export function copyLine({ columns }: PostgresTable, view: RecordView): string {
  let line = '';
  for (const { text } of columns) {
    const value = text(view);
    line += `${line === '' ? '' : '\t'}${value === null ? '\\N' : value.replaceAll(SPECIAL, (c) => ESCAPES[c])}`;
  }
  return `${line}\n`;
}
