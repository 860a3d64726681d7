/** Rows as Avro: a record per schema, times as nanoseconds, decimals as exact text. */
import type * as Avsc from 'avsc';
import { type Field, type FieldKind, ROW_KEY, u64Text } from '../fields.js';
import type { RecordView } from '../record_view.js';
import { fieldDoc, NAMESPACE, NANOS_DOC, type RowSchema, typeName } from './row_schema.js';
import { type Halves, type Values, valuesOf } from './values.js';

type AvroType = string | { readonly type: string; readonly logicalType: string };

const TYPES: Readonly<Record<FieldKind, AvroType>> = {
  time: { type: 'long', logicalType: 'timestamp-nanos' },
  decimal: 'string',
  float: 'float',
  u32: 'long',
  u64: 'long',
  uuid: { type: 'string', logicalType: 'uuid' },
  name: 'string',
};

const KEY_TYPES: Readonly<Record<keyof typeof ROW_KEY, AvroType>> = {
  exchange: 'string',
  symbol: 'string',
  native: 'string',
  table: 'string',
  day: { type: 'int', logicalType: 'date' },
  row: 'long',
};

function avroField(field: Field) {
  const { name, kind, nullable } = field;
  const doc = fieldDoc(field, NANOS_DOC);
  const type = TYPES[kind];
  return nullable ? { name, type: ['null', type], doc, default: null } : { name, type, doc };
}

/** The schema as an object that is JSON. */
export function avroSchema(schema: RowSchema) {
  const keys = Object.entries(ROW_KEY).map(([name, doc]) => {
    return { name, type: KEY_TYPES[name as keyof typeof ROW_KEY], doc };
  });
  return {
    ...{ type: 'record', name: typeName(schema), namespace: NAMESPACE, doc: schema.doc },
    fields: [...keys, ...schema.fields.map(avroField)],
  };
}

/** High halves of numbers that a long does not hold. */
const BEYOND_LONG = 2 ** 31;

type Whole = number | Halves;

function halvesOf(value: Whole): Halves {
  return typeof value === 'number' ? { low: value, high: 0 } : value;
}

/** The type `long` over halves instead of numbers, which are not exact from 2^53 on. */
function longType({ types }: typeof Avsc) {
  return types.LongType.__with({
    toBuffer: (value: Whole) => {
      const bytes = Buffer.allocUnsafe(8);
      const { low, high } = halvesOf(value);
      bytes.writeUInt32LE(low, 0);
      bytes.writeUInt32LE(high, 4);
      return bytes;
    },
    fromBuffer: (bytes: Buffer): Halves => ({ low: bytes.readUInt32LE(0), high: bytes.readUInt32LE(4) }),
    isValid: (value: Whole | null) => value !== null && halvesOf(value).high < BEYOND_LONG,
    toJSON: (value: Whole) => value,
    fromJSON: (value: Whole) => value,
    compare: (one: Whole, other: Whole) => {
      const [a, b] = [halvesOf(one), halvesOf(other)];
      return Math.sign(a.high - b.high || a.low - b.low);
    },
  });
}

/** The same bytes; only a type that is a mere name is taken from a registry. */
function withoutLogicalTypes(schema: object): unknown {
  return JSON.parse(JSON.stringify(schema), (_, value) => (value?.logicalType ? value.type : value));
}

/** Encodes rows of a schema; throws where a number of 64 bits exceeds what Avro can hold. */
export function avroEncoder(avsc: typeof Avsc, schema: RowSchema): (view: RecordView) => Buffer {
  const read = valuesOf(schema);
  const registry = { long: longType(avsc) };
  const type = avsc.Type.forSchema(withoutLogicalTypes(avroSchema(schema)) as Avsc.Schema, { registry });
  return (view) => {
    const values = read(view);
    try {
      return type.toBuffer(values);
    } catch (error) {
      throw explained(values) ?? error;
    }
  };
}

/** The field that a long does not hold; undefined when there is none. */
function explained(values: Values): Error | undefined {
  for (const [name, value] of Object.entries(values))
    if (value !== null && typeof value === 'object' && value.high >= BEYOND_LONG)
      return new RangeError(`${name} exceeds 63 bits: ${u64Text(value.low, value.high)}`);
  return undefined;
}
