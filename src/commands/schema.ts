/** `logger schema`: prints what rows look like for a format that wants to know it beforehand. Main thread. */
import type { Writable } from 'node:stream';
import { Argument, Command, Option } from 'commander';
import { didYouMean } from '../base/did_you_mean.js';
import { LoggerError } from '../base/errors.js';
import { avroSchema } from '../delivery/schemas/avro.js';
import { jsonSchema } from '../delivery/schemas/json_schema.js';
import { protobufSchema } from '../delivery/schemas/protobuf.js';
import { ROW_SCHEMAS, type RowSchema } from '../delivery/schemas/row_schema.js';
import { sqlSchema } from '../delivery/schemas/sql.js';
import { examples, exitStatuses } from './common.js';
import { Output } from './output.js';

/** One schema, or several in what the format has for that: a union, a file with several messages, alternatives. */
const FORMATS = {
  avsc: (schemas) => document(schemas.length === 1 ? avroSchema(schemas[0]) : schemas.map(avroSchema)),
  proto: protobufSchema,
  json: (schemas) =>
    document(schemas.length === 1 ? jsonSchema(schemas[0]) : { oneOf: schemas.map(jsonSchema) }),
  sql: (schemas) => schemas.map(sqlSchema).join('\n'),
} as const satisfies Record<string, (schemas: readonly RowSchema[]) => string>;

type Format = keyof typeof FORMATS;

const HELP = `
Every format has the same fields: what names a row for good (exchange, native symbol, table, day, row number), and the
columns of its table with seconds and nanoseconds as one time and a number and its digits as one exact number.
  avsc   Avro: a record, of several tables a union; this is what the sink \`kafka\` sends with encoding = "avro"
  proto  Protocol Buffers: a message per table; encoding = "protobuf"
  json   JSON Schema of the lines of the sinks \`jsonl\` and \`kafka\`
  sql    CREATE TABLE as PostgreSQL, DuckDB and SQLite take it
Tables of candles have one schema; their name is in the field \`table\`.
${exitStatuses({ ok: 'printed' })}${examples(
  'logger schema --format avsc TRADES',
  'logger schema --format proto > logger.proto',
  'logger schema --format sql trades klines | psql',
)}`;

export function schemaCommand(): Command {
  return new Command()
    .addArgument(new Argument('[tables...]', 'tables, in any case of letters (default: every)'))
    .addOption(new Option('--format <format>', 'what to print').choices(Object.keys(FORMATS)).default('json'))
    .addHelpText('after', HELP)
    .action((tables: readonly string[], { format }: { format: Format }) =>
      runSchema(tables, format, process.stdout),
    );
}

/** Prints the schemas of some tables, or of all; throws LoggerError USAGE for a name that none has. */
export async function runSchema(tables: readonly string[], format: Format, stream: Writable): Promise<void> {
  const schemas = tables.length === 0 ? ROW_SCHEMAS : [...new Set(tables.map(schemaNamed))];
  const output = new Output(stream);
  output.write(FORMATS[format](schemas));
  await output.end();
}

function schemaNamed(given: string): RowSchema {
  const name = given.toUpperCase();
  const isNamed = (schema: RowSchema) =>
    schema.name === name || schema.tables.some((table) => table.name.toUpperCase() === name);
  const found = ROW_SCHEMAS.find(isNamed);
  if (found !== undefined) return found;
  const known = ROW_SCHEMAS.map((schema) => schema.name);
  const meant = didYouMean(name, known);
  const hint = meant === undefined ? `they are ${known.join(', ')}` : `did you mean ${meant}?`;
  throw new LoggerError('USAGE', `there is no table ${JSON.stringify(given)}; ${hint}`);
}

function document(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
