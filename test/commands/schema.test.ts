/** `logger schema`: what it prints is taken by the readers of each format, and has every field of every table. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import avsc from 'avsc';
import protobuf from 'protobufjs';
import { fieldsOf, ROW_KEY } from '../../src/delivery/fields.js';
import { TABLES } from '../../src/schema/tables.js';

const KEYS = Object.keys(ROW_KEY);
/** One interval stands for all candles. */
const KINDS = TABLES.filter(({ name }) => !name.startsWith('KLINES_') || name === 'KLINES_1m');

function schema(...words: string[]) {
  const { status, stdout, stderr } = spawnSync('node', ['dist/src/cli.js', 'schema', ...words], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

function namesOf(table: (typeof TABLES)[number]): string[] {
  return [...KEYS, ...fieldsOf(table).map(({ name }) => name)];
}

test('Avro: a record per table, in a union when several are asked for', () => {
  for (const table of KINDS) {
    const type = avsc.Type.forSchema(JSON.parse(schema('--format', 'avsc', table.name).stdout));
    assert.ok(type instanceof avsc.types.RecordType);
    assert.deepEqual(
      type.fields.map(({ name }) => name),
      namesOf(table),
    );
  }
  const all = JSON.parse(schema('--format', 'avsc').stdout);
  const union = avsc.Type.forSchema(all) as InstanceType<typeof avsc.types.UnwrappedUnionType>;
  assert.equal(union.types.length, KINDS.length);
});

test('Protocol Buffers: one file with a message per table, numbered without a clash', () => {
  const { root } = protobuf.parse(schema('--format', 'proto').stdout, { keepCase: true });
  const types = (root.lookup('logger') as protobuf.Namespace).nestedArray as protobuf.Type[];
  assert.deepEqual(
    types.map(({ fieldsArray }) => fieldsArray.map(({ name }) => name)),
    KINDS.map(namesOf),
  );
});

test('JSON Schema: strict validators take it', () => {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
  for (const table of KINDS) {
    // it is what is printed when nothing is said
    const document = JSON.parse(schema(table.name).stdout);
    ajv.compile(document);
    assert.deepEqual(Object.keys(document.properties), namesOf(table));
  }
  assert.equal(JSON.parse(schema('--format', 'json').stdout).oneOf.length, KINDS.length);
});

test('SQL: a database makes the tables', { skip: pythonMissing() }, () => {
  const script = [
    'import sqlite3, sys, json',
    'db = sqlite3.connect(":memory:")',
    'db.executescript(sys.stdin.read())',
    'tables = db.execute("select name from sqlite_master where type = \'table\'").fetchall()',
    'print(json.dumps([[c[1] for c in db.execute(f"pragma table_info(\\"{t}\\")")] for (t,) in tables]))',
  ];
  const { stdout, stderr } = spawnSync('python3', ['-c', script.join('\n')], {
    input: schema('--format', 'sql').stdout,
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  assert.deepEqual(JSON.parse(stdout), KINDS.map(namesOf));
});

test('tables are named in any case of letters, candles with or without an interval, and once', () => {
  const { stdout } = schema('--format', 'avsc', 'klines', 'Klines_5M', 'KLINES');
  assert.equal(JSON.parse(stdout).name, 'Klines');
});

test('a table or a format that is not there is wrong use', () => {
  const wrong = schema('--format', 'sql', 'trads');
  assert.deepEqual(
    [wrong.status, wrong.stderr],
    [2, 'logger: there is no table "trads"; did you mean TRADES?\n'],
  );
  assert.match(schema('--format', 'sql', 'nothing').stderr, /they are MD, TRADES, BBO, GAPS/);
  assert.equal(schema('--format', 'xml').status, 2);
});

function pythonMissing(): string | false {
  return spawnSync('python3', ['-c', '']).status === 0 ? false : 'there is no python3 on this machine';
}
