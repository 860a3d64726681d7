/** What a reader of Kafka's own kind finds in topics, as rows that can be compared with the column files. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { isoDay } from '../../src/store/disk/paths.js';
import { type Comparison, compareDelivered } from './delivered.js';
import { type PlainRow, plainRows, rowName } from './plain_rows.js';
import { printed } from './servers.js';

export interface ReadMessage {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  /** whole numbers as text, and nothing that is missing */
  readonly value: Readonly<Record<string, string | number>>;
}

export interface ReadOptions {
  readonly port: number;
  /** pattern of whole names */
  readonly topics: string;
  readonly encoding?: 'json' | 'avro' | 'protobuf';
  readonly registry?: string;
}

const READER = resolve('test/support/kafka_reader.py');
const MODULES = [
  'confluent_kafka.schema_registry.avro',
  'confluent_kafka.schema_registry.protobuf',
  'grpc_tools',
];

/** Why there is no reader; false where there is. */
export function lacksReader(): string | false {
  const isThere = spawnSync('python3', ['-c', `import ${MODULES.join(', ')}`]).status === 0;
  return !isThere && 'python3 with confluent_kafka and grpc_tools is not installed here';
}

export async function readTopics({ port, topics, encoding = 'json', registry }: ReadOptions) {
  const args = [READER, `127.0.0.1:${port}`, topics, encoding, ...(registry === undefined ? [] : [registry])];
  const lines = (await printed('python3', args)).split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as ReadMessage);
}

export function compareMessages(dataPath: string, messages: readonly ReadMessage[]): Comparison {
  const plain = plainRows(dataPath);
  const lines = messages.map(({ value }) => {
    const row = { ...value, day: dayOf(value['day']) };
    return typedLike(plain.get(rowName(row)) ?? {}, row);
  });
  return compareDelivered(dataPath, lines);
}

/** A date, or days since 1970. */
function dayOf(day: string | number): string {
  return /^\d+$/.test(String(day)) ? isoDay(Number(day)) : String(day);
}

const ISO = /^\d{4}-\d\d-\d\dT/;

/** The values as the row of the column files has them: times as text, numbers as numbers. */
function typedLike(plain: PlainRow, row: Readonly<Record<string, string | number>>): Record<string, unknown> {
  const typed: Record<string, unknown> = { ...row };
  for (const [name, value] of Object.entries(plain)) {
    const got = row[name];
    if (got === undefined) typed[name] = null;
    else if (typeof value === 'number') typed[name] = Number(got);
    else if (ISO.test(String(value)) && /^\d+$/.test(String(got)))
      typed[name] = isoOf(String(got), String(value));
  }
  return typed;
}

/** Nanoseconds since 1970 as text like `like`: with nanoseconds or without. */
function isoOf(nanos: string, like: string): string {
  const [seconds, rest] = [nanos.slice(0, -9), nanos.slice(-9)];
  const text = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return like.includes('.') || Number(rest) !== 0 ? `${text}.${rest}Z` : `${text}Z`;
}
