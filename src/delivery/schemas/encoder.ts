/** Rows as the bytes of an encoding, with the schema that a reader needs. */
import type * as Avsc from 'avsc';
import type Protobuf from 'protobufjs';
import { loadDriver } from '../driver.js';
import { jsonOf } from '../json.js';
import type { RecordView } from '../record_view.js';
import { avroEncoder, avroSchema } from './avro.js';
import { jsonSchema } from './json_schema.js';
import { protobufEncoder, protobufSchema } from './protobuf.js';
import type { RowSchema } from './row_schema.js';

export const ENCODINGS = ['json', 'avro', 'protobuf'] as const;
export type EncodingName = (typeof ENCODINGS)[number];

export interface Encoding {
  /** as schema registries name it */
  readonly schemaType: 'JSON' | 'AVRO' | 'PROTOBUF';
  readonly schemaText: (schema: RowSchema) => string;
  /** Answers what encodes rows of a schema; that throws for a row that the encoding cannot hold. */
  readonly encoder: (schema: RowSchema) => (view: RecordView) => Uint8Array;
}

const JSON_ENCODING: Encoding = {
  schemaType: 'JSON',
  schemaText: (schema) => JSON.stringify(jsonSchema(schema)),
  encoder: () => (view) => Buffer.from(jsonOf(view)),
};

async function avro(): Promise<Encoding> {
  const avsc = await loadDriver<{ default: typeof Avsc }>('avsc', '5.7.9');
  return {
    schemaType: 'AVRO',
    schemaText: (schema) => JSON.stringify(avroSchema(schema)),
    encoder: (schema) => avroEncoder(avsc.default, schema),
  };
}

async function protobuf(): Promise<Encoding> {
  const driver = await loadDriver<{ default: typeof Protobuf }>('protobufjs', '7.6.6');
  return {
    schemaType: 'PROTOBUF',
    schemaText: (schema) => protobufSchema([schema]),
    encoder: (schema) => protobufEncoder(driver.default, schema),
  };
}

/** DEPENDENCY_MISSING where its package is not installed. */
export async function loadEncoding(name: EncodingName): Promise<Encoding> {
  return name === 'avro' ? avro() : name === 'protobuf' ? protobuf() : JSON_ENCODING;
}
