/**
 * What the rows of a table look like in a format that wants to know it beforehand. Each format is a loop over the fields
 * (fields.ts), so a column is declared once. Tables of candles differ in their interval alone and share a schema.
 */

import type { Table } from '../../schema/layout.js';
import { KLINE_INTERVALS, TABLES } from '../../schema/tables.js';
import { type Field, fieldsOf } from '../fields.js';

export interface RowSchema {
  /** TRADES; KLINES for all intervals */
  readonly name: string;
  readonly doc: string;
  /** those that have such rows */
  readonly tables: readonly Table[];
  readonly fields: readonly Field[];
}

const INTERVAL = new RegExp(`_(${Object.keys(KLINE_INTERVALS).join('|')})$`);

/** The interval in the name of a table, '' where there is none. */
export function intervalOf({ name }: Table): string {
  return INTERVAL.exec(name)?.[1] ?? '';
}

/** The name of a table without its interval. */
export function schemaName({ name }: Table): string {
  return name.replace(INTERVAL, '');
}

function derive(name: string): RowSchema {
  const tables = TABLES.filter((table) => schemaName(table) === name);
  const [{ doc, name: first }] = tables;
  return {
    ...{ name, tables, fields: fieldsOf(tables[0]) },
    doc: name === first ? doc : 'candles: one row per update, filed under the day they open on',
  };
}

/** In the order of the tables. */
export const ROW_SCHEMAS: readonly RowSchema[] = [...new Set(TABLES.map(schemaName))].map(derive);

const byTable = new Map(
  ROW_SCHEMAS.flatMap((schema) => schema.tables.map((table) => [table, schema] as const)),
);

export function schemaOf(table: Table): RowSchema {
  return byTable.get(table) as RowSchema;
}

/**
 * What a target makes of the rows of each table, made once per schema. `names`: where it has another name for them than that
 * of the schema in small letters.
 */
export function perSchema<T>(
  names: Readonly<Record<string, string>>,
  make: (name: string, schema: RowSchema) => T,
): (table: Table) => T {
  const made = new Map(
    ROW_SCHEMAS.map((schema) => [schema, make(names[schema.name] ?? schema.name.toLowerCase(), schema)]),
  );
  return (table) => made.get(schemaOf(table)) as T;
}

/** AGG_TRADES as the name of a type: AggTrades. */
export function typeName({ name }: RowSchema): string {
  return name
    .toLowerCase()
    .split('_')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

/** Name space of types. */
export const NAMESPACE = 'logger';

const SECONDS = /,? (?:whole )?seconds(?: since 1970 UTC)?| since 1970 UTC$/;
/** Numbers of words, before each: `1 buy, 2 sell`. */
const NUMBER_OF_WORD = /\b\d (in )?/g;

/** What is said of the column, for a field whose values differ from it; `time`: what its times are. */
export function fieldDoc({ kind, doc }: Field, time: string): string {
  if (kind === 'name') return doc.replace(NUMBER_OF_WORD, (_, inRow = '') => inRow && `none ${inRow}`);
  if (kind !== 'time') return doc;
  const seconds = SECONDS.exec(doc)?.[0] ?? '';
  const told = seconds === '' ? `${doc}, ${time}` : doc.replace(seconds, `, ${time}`);
  return told.replace('; 0 when', '; null when');
}

export const NANOS_DOC = 'nanoseconds since 1970 UTC';
