/** Rows as Protocol Buffers, third version: a message per schema. */
import type Protobuf from 'protobufjs';
import { type Field, type FieldKind, ROW_KEY } from '../fields.js';
import type { RecordView } from '../record_view.js';
import { fieldDoc, NAMESPACE, NANOS_DOC, type RowSchema, typeName } from './row_schema.js';
import { valuesOf } from './values.js';

const TYPES: Readonly<Record<FieldKind, string>> = {
  time: 'int64',
  decimal: 'string',
  float: 'float',
  u32: 'uint32',
  u64: 'uint64',
  uuid: 'string',
  name: 'string',
};

const KEY_TYPES: Readonly<Record<keyof typeof ROW_KEY, string>> = {
  exchange: 'string',
  symbol: 'string',
  native: 'string',
  table: 'string',
  day: 'uint32',
  row: 'uint32',
};

/** Numbers below are those of what names the row. */
const FIRST_NUMBER = 16;

/** The number of a field stays when columns are added, because a column never changes its place. */
function numberOf({ tables: [{ columns }] }: RowSchema, field: Field): number {
  return FIRST_NUMBER + columns.findIndex(({ word }) => word === field.word);
}

function line(declaration: string, number: number, doc: string): string {
  return `  // ${doc}\n  ${declaration} = ${number};\n`;
}

function message(schema: RowSchema): string {
  const keys = Object.entries(ROW_KEY).map(([name, doc], index) =>
    line(`${KEY_TYPES[name as keyof typeof ROW_KEY]} ${name}`, index + 1, doc),
  );
  const fields = schema.fields.map((field) => {
    const { kind, nullable, name } = field;
    const declaration = `${nullable ? 'optional ' : ''}${TYPES[kind]} ${name}`;
    return line(declaration, numberOf(schema, field), fieldDoc(field, NANOS_DOC));
  });
  return `// ${schema.doc}\nmessage ${typeName(schema)} {\n${[...keys, ...fields].join('')}}\n`;
}

/** A file with a message for each of the schemas. */
export function protobufSchema(schemas: readonly RowSchema[]): string {
  return ['syntax = "proto3";\n', `package ${NAMESPACE};\n`, ...schemas.map(message)].join('\n');
}

/** Encodes rows of a schema. */
export function protobufEncoder(
  protobuf: typeof Protobuf,
  schema: RowSchema,
): (view: RecordView) => Uint8Array {
  const read = valuesOf(schema);
  const { root } = protobuf.parse(protobufSchema([schema]), { keepCase: true });
  const type = root.lookupType(`${NAMESPACE}.${typeName(schema)}`);
  return (view) => type.encode(read(view)).finish();
}
