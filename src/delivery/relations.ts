/**
 * The tables as relations of an SQL database: names that people expect, one relation for the candles of all lengths, and
 * columns derived from the fields of a row. What names a row is the primary key, so a row that is delivered again replaces
 * itself. A decimal number is there twice: as the nearest double, to reckon with, and as exact text.
 */
import type { Table } from '../schema/layout.js';
import { TABLES } from '../schema/tables.js';
import { type Field, nanosOf, ROW_KEY } from './fields.js';
import type { RecordView } from './record_view.js';
import { intervalOf, perSchema, type RowSchema } from './schemas/row_schema.js';

export type SqlValue = string | number | bigint | null;

export interface RelationColumn {
  readonly name: string;
  /** bigint: whole numbers of 64 bits, among them times in nanoseconds since 1970 */
  readonly kind: 'text' | 'integer' | 'bigint' | 'real';
  readonly nullable: boolean;
  readonly doc: string;
  readonly value: (view: RecordView) => SqlValue;
}

export interface Relation {
  readonly name: string;
  readonly columns: readonly RelationColumn[];
  /** columns of the primary key */
  readonly key: readonly string[];
  /** names of the columns with the event time and the receive time, both in nanoseconds */
  readonly times: { readonly event: string; readonly received: string };
}

/** Where a relation has another name than its rows. */
const NAMES = { BOOK: 'orderbooks', MD: 'market_data', BBO: 'best_quotes' };

function text(
  name: keyof typeof ROW_KEY | 'interval',
  value: RelationColumn['value'],
  doc: string,
): RelationColumn {
  return { name, kind: 'text', nullable: false, doc, value };
}

/** What names a row; a relation of several tables has the length of the candle with it. */
function keyColumns(isCandles: boolean): RelationColumn[] {
  const integer = (name: 'day' | 'row', value: RelationColumn['value']): RelationColumn => ({
    ...{ name, kind: 'integer', nullable: false, doc: ROW_KEY[name], value },
  });
  const interval = text('interval', ({ place }) => intervalOf(place.table), 'length of the candle');
  return [
    text('exchange', ({ place }) => place.exchange, ROW_KEY.exchange),
    text('native', ({ place }) => place.native, ROW_KEY.native),
    ...(isCandles ? [interval] : []),
    integer('day', ({ place }) => place.day),
    integer('row', ({ row }) => row),
  ];
}

/** The columns of a field. */
function columnsOf(field: Field): RelationColumn[] {
  const { name, kind, nullable, doc, text, word } = field;
  const column = { name, nullable, doc };
  const number = (view: RecordView) => {
    const value = text(view);
    return value === null ? null : Number(value);
  };
  switch (kind) {
    case 'time':
      return [
        {
          ...column,
          name: `${name}_ns`,
          kind: 'bigint',
          doc: `${doc}; here in nanoseconds since 1970 UTC`,
          value: (view) => (text(view) === null ? null : nanosOf(field, view)),
        },
      ];
    case 'decimal':
      return [
        { ...column, kind: 'real', value: number },
        { ...column, name: `${name}_exact`, kind: 'text', doc: `\`${name}\` as sent`, value: text },
      ];
    case 'float':
      return [{ ...column, kind: 'real', value: number }];
    case 'u32':
      return [{ ...column, kind: 'integer', value: number }];
    case 'u64':
      return [{ ...column, kind: 'bigint', value: (view) => (text(view) === null ? null : view.u64(word)) }];
    default:
      return [{ ...column, kind: 'text', value: text }];
  }
}

function relation(name: string, { tables, fields }: RowSchema): Relation {
  const key = keyColumns(tables.length > 1);
  const symbol = text('symbol', ({ place }) => place.symbol, ROW_KEY.symbol);
  const [event] = fields.filter(({ kind }) => kind === 'time');
  const hasReceived = fields.some(({ name }) => name === 'recv_time');
  return {
    name,
    columns: [...key.slice(0, 1), symbol, ...key.slice(1), ...fields.flatMap(columnsOf)],
    key: key.map((column) => column.name),
    times: { event: `${event.name}_ns`, received: hasReceived ? 'recv_time_ns' : `${event.name}_ns` },
  };
}

/** The relation that the rows of a table go to. */
export const relationOf: (table: Table) => Relation = perSchema(NAMES, relation);

/** All relations, in the order in which they are made. */
export const RELATIONS: readonly Relation[] = [...new Set(TABLES.map(relationOf))];
