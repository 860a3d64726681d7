/**
 * The sink `postgres` and a real server: what psql reads there is what the column files have, in every table of several
 * exchanges, once, whatever fails meanwhile.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { makeCertificate } from '../../src/simulator/server/tls.js';
import postgres from '../../src/sinks/postgres.js';
import { comparisonText } from '../support/delivered.js';
import { openDirect, PLACE, tradeBatch } from '../support/direct_sink.js';
import { afterProcesses, temporaryFolder } from '../support/processes.js';
import { printed, type Server, startServer } from '../support/servers.js';
import { SinkScene } from '../support/sink_scene.js';
import { TcpProxy } from '../support/tcp_proxy.js';
import { compareTexts, type TextRow } from '../support/text_rows.js';

const BINARIES = '/usr/lib/postgresql';
const skip = existsSync(BINARIES) && readdirSync(BINARIES).length > 0 ? false : 'PostgreSQL is not installed';

/** Tables of ours by those of the database, but for the candles. */
const TABLES: Readonly<Record<string, string>> = {
  trades: 'TRADES',
  agg_trades: 'AGG_TRADES',
  orderbooks: 'BOOK',
  tickers: 'MD',
  best_quotes: 'BBO',
  gaps: 'GAPS',
  instruments: 'INSTRUMENTS',
};
const CANDLES = 'market_data_ohlcv';

/** What a statement answers; values that are missing are left out. */
async function select(server: Server, statement: string): Promise<TextRow[]> {
  const shape = ['--no-align', '--field-separator', '\t', '-P', 'null=\\N', '-P', 'footer=off'];
  const place = ['-h', '127.0.0.1', '-p', String(server.port), '-U', 'postgres'];
  const text = await printed('psql', [
    ...place,
    ...shape,
    '-c',
    `SET timezone = 'UTC'`,
    '-c',
    statement,
    '-q',
  ]);
  const [names, ...lines] = text
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));
  return lines.map((values) =>
    Object.fromEntries(values.flatMap((value, i) => (value === '\\N' ? [] : [[names[i], value]]))),
  );
}

const TIMESTAMP = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)?\+00$/;

/** A row of the database as its row of the column files, whose times have nanoseconds. */
function asRow(table: string, { interval, ...row }: TextRow): TextRow {
  const found: Record<string, string> = { table: TABLES[table] ?? `KLINES_${interval}` };
  for (const [name, value] of Object.entries(row)) {
    const [, day, time, fraction = ''] = TIMESTAMP.exec(value) ?? [];
    const nanos = row[`${name}_ns`]?.slice(-9);
    if (name.endsWith('_ns')) continue;
    if (day === undefined) found[name] = value;
    else if (nanos === undefined) found[name] = `${day}T${time}Z`;
    else {
      found[name] = `${day}T${time}.${nanos}Z`;
      assert.equal(fraction.slice(1).padEnd(6, '0'), nanos.slice(0, 6));
      assert.equal(row[`${name}_ns`].slice(0, -9), String(Date.parse(`${day}T${time}Z`) / 1000));
    }
  }
  return found;
}

async function allRows(server: Server): Promise<TextRow[]> {
  const tables = [...Object.keys(TABLES), CANDLES];
  const rows = tables.map(async (table) =>
    (await select(server, `SELECT * FROM ${table}`)).map((row) => asRow(table, row)),
  );
  return (await Promise.all(rows)).flat();
}

test('every row of several exchanges and all tables is there once, whatever fails', { skip }, async () => {
  const folder = temporaryFolder('postgres-sink');
  const server = await startServer('postgres');
  const proxy = await TcpProxy.to(server.port);
  const sinkLines = ['type = "postgres"', `port = ${proxy.port}`, 'create = true', 'batch_secs = 0.1'];
  const scene = new SinkScene({ folder, sinkLines });
  await scene.start();
  await scene.faults(server, proxy);
  await scene.finish();
  const rows = await allRows(server);
  assert.equal(comparisonText(compareTexts(scene.dataPath, rows)), '');
  const tables = new Set(rows.map(({ table }) => table));
  for (const table of [...Object.values(TABLES), 'KLINES_1m']) assert.ok(tables.has(table), table);
});

test('a row that the database cannot hold goes to the dead letters, and no other', { skip }, async () => {
  const server = await startServer('postgres');
  const { sink, refused } = await openDirect(postgres, { port: server.port, create: true });
  const quotes = { ...PLACE, native: `a'\\b\t"c`, symbol: `'; DROP TABLE trades; --` };
  const trades = [
    { row: 0 },
    { row: 1, text: '1e999999' },
    { row: 2, place: quotes },
    { row: 3, text: '0.1e-30' },
  ];
  await sink.deliver(tradeBatch('c', trades));
  assert.deepEqual(
    refused.map(([row]) => row),
    [1],
  );
  assert.match(refused[0][1], /numeric/);
  const rows = await select(
    server,
    "SELECT row, trade_price, trade_time_ns, encode(convert_to(native, 'UTF8'), 'base64') AS native FROM trades ORDER BY row",
  );
  assert.deepEqual(
    rows.map(({ row, trade_price }) => [row, trade_price]),
    [
      ['0', '65123.00'],
      ['2', '65123.00'],
      ['3', `0.${'0'.repeat(30)}1`],
    ],
  );
  assert.equal(rows[0]['trade_time_ns'], '1728000000123456789');
  assert.equal(Buffer.from(rows[1]['native'], 'base64').toString(), quotes.native);
});

test('the cursor is that of the rows, and a row that comes again is there once', { skip }, async () => {
  const server = await startServer('postgres');
  const first = await openDirect(postgres, { port: server.port, create: true });
  assert.equal(first.sink.cursor, null);
  await first.sink.deliver(tradeBatch('one', [{ row: 0 }, { row: 1 }]));
  const second = await openDirect(postgres, { port: server.port });
  assert.equal(second.sink.cursor, 'one');
  await second.sink.deliver(tradeBatch('two', [{ row: 1 }, { row: 2 }]));
  assert.deepEqual(await select(server, 'SELECT row FROM trades ORDER BY row'), [
    { row: '0' },
    { row: '1' },
    { row: '2' },
  ]);
  const third = await openDirect(postgres, { port: server.port });
  assert.equal(third.sink.cursor, 'two');
  const other = await openDirect(postgres, { port: server.port, cursor_name: 'elsewhere' });
  assert.equal(other.sink.cursor, null);
});

test('tables are made when that is asked for, and what is wrong with one is said as a statement', {
  skip,
}, async () => {
  const server = await startServer('postgres');
  const wanted = { port: server.port };
  await assert.rejects(openDirect(postgres, wanted), (error: Error) => {
    assert.match(
      error.message,
      /there is no table "public"\."logger_cursors"; set create = true, or make it with: CREATE TABLE/,
    );
    return true;
  });
  const made = await openDirect(postgres, { ...wanted, create: true });
  await made.sink.deliver(tradeBatch('c', [{ row: 0 }]));
  await select(
    server,
    'ALTER TABLE trades DROP COLUMN trade_size, ALTER COLUMN flags TYPE integer, ADD COLUMN note text, DROP CONSTRAINT trades_pkey; SELECT',
  );
  // every statement that is asked for brings it nearer, and the last one does it
  for (const statement of [
    /ADD COLUMN "trade_size" numeric, ALTER COLUMN "flags" TYPE bigint$/,
    /ADD PRIMARY KEY/,
  ]) {
    const { sink } = await openDirect(postgres, { ...wanted, create: true });
    const error = await Promise.resolve(sink.deliver(tradeBatch('d', [{ row: 1 }]))).then(
      () => assert.fail('it was delivered'),
      (reason: Error) => reason,
    );
    assert.match(error.message, statement);
    await sink.close();
    await select(server, 'DELETE FROM trades; SELECT');
    await select(server, `${error.message.slice(error.message.indexOf('ALTER TABLE'))}; SELECT`);
  }
  const { sink } = await openDirect(postgres, wanted);
  await sink.deliver(tradeBatch('d', [{ row: 1 }]));
  assert.deepEqual(await select(server, 'SELECT row, trade_size, note FROM trades'), [
    { row: '1', trade_size: '0.0015' },
  ]);
});

test('a password is taken from a file and shown to nobody, and TLS is checked', { skip }, async () => {
  const server = await startServer('postgres');
  await select(
    server,
    `CREATE ROLE writer LOGIN PASSWORD 's3cret'; GRANT ALL ON SCHEMA public TO writer; SELECT`,
  );
  const { cert_path, key_path } = makeCertificate();
  const certificates = join(server.folder, 'data');
  afterProcesses(() => rmSync(dirname(cert_path), { recursive: true }));
  const { uid, gid } = statSync(certificates);
  for (const [path, name] of [
    [cert_path, 'server.crt'],
    [key_path, 'server.key'],
  ] as const) {
    copyFileSync(path, join(certificates, name));
    chownSync(join(certificates, name), uid, gid);
    chmodSync(join(certificates, name), 0o600);
  }
  writeFileSync(
    join(certificates, 'pg_hba.conf'),
    'hostssl all writer 127.0.0.1/32 scram-sha-256\nlocal all all trust\n',
  );
  await server.kill();
  const secure = await startServer('postgres', ['ssl=on'], { port: server.port, folder: server.folder });
  const file = join(temporaryFolder('password'), 'password');
  writeFileSync(file, 's3cret\n');
  const values = { port: secure.port, user: 'writer', password_file: file, create: true };
  const { sink } = await openDirect(postgres, { ...values, tls: true, ca_file: cert_path });
  await sink.deliver(tradeBatch('one', [{ row: 0 }]));
  await assert.rejects(openDirect(postgres, { ...values, tls: true }), /self-signed|unable to verify/i);
  await assert.rejects(openDirect(postgres, values), /no encryption/);
  writeFileSync(file, 'wrong-one');
  const wrong = await openDirect(postgres, { ...values, tls: true, ca_file: cert_path }).catch(String);
  assert.match(String(wrong), /password authentication failed/);
  assert.doesNotMatch(String(wrong), /wrong-one/);
});

test('a server that does not answer has failed after a while, and lets go', { skip }, async () => {
  const server = await startServer('postgres');
  const proxy = await TcpProxy.to(server.port);
  const { sink } = await openDirect(postgres, { port: proxy.port, create: true, timeout_secs: 1 });
  proxy.swallow();
  await assert.rejects(async () => sink.deliver(tradeBatch('one', [{ row: 0 }])), /longer than 1 s/);
  await sink.close();
});
