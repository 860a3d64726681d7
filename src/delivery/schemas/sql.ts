/** Tables for rows in SQL as PostgreSQL, DuckDB and SQLite take it. */
import { type Field, type FieldKind, ROW_KEY } from '../fields.js';
import { fieldDoc, NANOS_DOC, type RowSchema } from './row_schema.js';

const TYPES: Readonly<Record<FieldKind, string>> = {
  time: 'BIGINT',
  decimal: 'NUMERIC',
  float: 'REAL',
  u32: 'BIGINT',
  u64: 'NUMERIC(20)',
  uuid: 'UUID',
  name: 'TEXT',
};

const KEY_TYPES: Readonly<Record<keyof typeof ROW_KEY, string>> = {
  exchange: 'TEXT',
  symbol: 'TEXT',
  native: 'TEXT',
  table: 'TEXT',
  day: 'INTEGER',
  row: 'BIGINT',
};

/** What names a row for good; the normalized symbol is not part of it. */
const PRIMARY_KEY = ['exchange', 'native', 'table', 'day', 'row'];

function column(name: string, type: string, nullable: boolean, doc: string): string {
  return `  -- ${doc}\n  "${name}" ${type}${nullable ? '' : ' NOT NULL'},\n`;
}

function fieldColumn(field: Field): string {
  return column(field.name, TYPES[field.kind], field.nullable, fieldDoc(field, NANOS_DOC));
}

/** The statement that makes the table. */
export function sqlSchema({ name, doc, fields }: RowSchema): string {
  const keys = Object.entries(ROW_KEY).map(([key, text]) =>
    column(key, KEY_TYPES[key as keyof typeof ROW_KEY], false, text),
  );
  const primary = PRIMARY_KEY.map((key) => `"${key}"`).join(', ');
  return `-- ${doc}\nCREATE TABLE "${name.toLowerCase()}" (\n${[...keys, ...fields.map(fieldColumn)].join('')}  PRIMARY KEY (${primary})\n);\n`;
}
