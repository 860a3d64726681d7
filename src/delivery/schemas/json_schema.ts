/** JSON Schema of the lines that json.ts makes. */
import { type Field, type FieldKind, ROW_KEY } from '../fields.js';
import { fieldDoc, type RowSchema } from './row_schema.js';

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';
const NUMBER = '^-?\\d+(\\.\\d+)?([eE][+-]?\\d+)?$';

interface Type {
  readonly type: 'string' | 'integer';
  readonly [keyword: string]: unknown;
}

const WHOLE = { type: 'integer', minimum: 0, maximum: 2 ** 32 - 1 } as const;

const TYPES: Readonly<Record<FieldKind, Type>> = {
  time: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{9})?Z$' },
  decimal: { type: 'string', pattern: NUMBER },
  float: { type: 'string', pattern: NUMBER },
  u32: WHOLE,
  u64: { type: 'string', pattern: '^\\d{1,20}$' },
  uuid: { type: 'string', pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' },
  name: { type: 'string' },
};

const KEY_TYPES: Readonly<Record<keyof typeof ROW_KEY, Type>> = {
  exchange: { type: 'string' },
  symbol: { type: 'string' },
  native: { type: 'string' },
  table: { type: 'string' },
  day: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\d$' },
  row: WHOLE,
};

function property(field: Field) {
  const { type, ...keywords } = TYPES[field.kind];
  const description = fieldDoc(field, 'ISO 8601');
  return { type: field.nullable ? [type, 'null'] : type, ...keywords, description };
}

/** The schema as an object that is JSON. */
export function jsonSchema({ name, doc, tables, fields }: RowSchema) {
  const keys = Object.entries(ROW_KEY).map(([key, description]) => {
    return [key, { ...KEY_TYPES[key as keyof typeof ROW_KEY], description }] as const;
  });
  const names = tables.map((table) => table.name);
  // columns of some exchanges only are in their lines alone
  const own = new Set(tables[0].columns.filter((column) => column.own).map((column) => column.name));
  const properties = {
    ...Object.fromEntries(keys),
    table: { enum: names, description: ROW_KEY.table },
    ...Object.fromEntries(fields.map((field) => [field.name, property(field)])),
  };
  return {
    ...{ $schema: DIALECT, title: name, description: doc, type: 'object' },
    ...{ properties, required: Object.keys(properties).filter((key) => !own.has(key)) },
    additionalProperties: false,
  };
}
