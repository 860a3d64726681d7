/**
 * The sink `redis` and a real server: what redis-cli reads there is what the column files have, in every table of all
 * exchanges, once, whatever fails meanwhile.
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { makeCertificate } from '../../src/simulator/server/tls.js';
import redis from '../../src/sinks/redis.js';
import { compareDelivered, comparisonText } from '../support/delivered.js';
import { openDirect, PLACE, tradeBatch } from '../support/direct_sink.js';
import { type PlainRow, plainRows } from '../support/plain_rows.js';
import { afterProcesses, temporaryFolder, until } from '../support/processes.js';
import { freePort, lacksProgram, printed, type Server, startServer } from '../support/servers.js';
import { SinkScene } from '../support/sink_scene.js';
import { TcpProxy } from '../support/tcp_proxy.js';
import { compareTexts, type TextRow } from '../support/text_rows.js';

const skip = lacksProgram('redis-server', ['--version'], 'redis-server is not installed');
const LATEST = ['MD', 'BBO', 'TRADES'];
/** Everything that was acknowledged is there after a crash. */
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];

async function answer<T>(server: Server, ...args: readonly string[]): Promise<T> {
  return JSON.parse(await printed('redis-cli', ['--json', '-p', String(server.port), ...args])) as T;
}

/** Names and values in turn, or as an object. */
function pairs(values: readonly string[]): TextRow {
  const row: Record<string, string> = {};
  for (let i = 0; i < values.length; i += 2) row[values[i]] = values[i + 1];
  return row;
}

async function streamRowsOf(server: Server, key: string): Promise<TextRow[]> {
  const entries = await answer<[string, string[]][]>(server, 'XRANGE', key, '-', '+');
  return entries.map(([, values]) => pairs(values));
}

async function streamRows(server: Server): Promise<TextRow[]> {
  const keys = await answer<string[]>(server, 'KEYS', 'stream:*');
  return (await Promise.all(keys.map((key) => streamRowsOf(server, key)))).flat();
}

function sinkLines(port: number): string[] {
  return [
    'type = "redis"',
    `port = ${port}`,
    'stream_max = 0',
    'trades = "trades:{exchange}:{symbol}"',
    'trades_max = 0',
    'latest = "latest:{exchange}:{symbol}:{table}"',
    `latest_tables = ${JSON.stringify(LATEST)}`,
    'kline = "kline:{exchange}:{symbol}:{interval}:{timestamp}"',
  ];
}

/** The rows that count among those of one key: of those received last the one that came last. */
function newest(rows: Iterable<PlainRow>, key: (row: PlainRow) => string): Map<string, PlainRow> {
  const found = new Map<string, PlainRow>();
  for (const row of rows) {
    const other = found.get(key(row));
    if (other === undefined || String(other['recv_time']) <= String(row['recv_time']))
      found.set(key(row), row);
  }
  return found;
}

const NAMES = ['exchange', 'native', 'table', 'day', 'row'];
const nameOf = (row: Readonly<Record<string, unknown>>) => NAMES.map((name) => row[name]).join(' ');

/** Hashes hold exactly these rows. */
async function assertHashes(
  server: Server,
  dataPath: string,
  pattern: string,
  wanted: Map<string, PlainRow>,
): Promise<void> {
  const keys = await answer<string[]>(server, 'KEYS', pattern);
  const rows: TextRow[] = [];
  for (const key of keys) rows.push(await answer<TextRow>(server, 'HGETALL', key));
  const names = new Set([...wanted.values()].map(nameOf));
  const comparison = compareTexts(dataPath, rows, (row) => names.has(nameOf(row)));
  assert.equal(comparisonText(comparison), '');
  assert.ok(comparison.rows > 0);
}

test('every row of several exchanges and all tables is there once, whatever fails', { skip }, async () => {
  const folder = temporaryFolder('redis');
  const server = await startServer('redis', DURABLE);
  const proxy = await TcpProxy.to(server.port);
  const scene = new SinkScene({ folder, sinkLines: sinkLines(proxy.port) });
  await scene.start();
  await scene.faults(server, proxy);
  await scene.finish();

  const { dataPath } = scene;
  const rows = await streamRows(server);
  assert.equal(comparisonText(compareTexts(dataPath, rows)), '');
  const tables = new Set(rows.map(({ table }) => table));
  for (const table of ['TRADES', 'MD', 'BBO', 'BOOK', 'KLINES_1m', 'GAPS', 'AGG_TRADES'])
    assert.ok(tables.has(table), table);

  const trades: Record<string, unknown>[] = [];
  for (const key of await answer<string[]>(server, 'KEYS', 'trades:*'))
    for (const text of await answer<string[]>(server, 'LRANGE', key, '0', '-1'))
      trades.push(JSON.parse(text));
  assert.equal(comparisonText(compareDelivered(dataPath, trades, ({ table }) => table === 'TRADES')), '');

  const plain = [...plainRows(dataPath).values()];
  const place = (row: PlainRow) => `${row['exchange']}:${row['native']}:${row['table']}`;
  const latest = plain.filter(({ table }) => LATEST.includes(String(table)));
  await assertHashes(server, dataPath, 'latest:*', newest(latest, place));
  const candles = plain.filter(({ table }) => String(table).startsWith('KLINES_'));
  await assertHashes(
    server,
    dataPath,
    'kline:*',
    newest(candles, (row) => `${place(row)}:${row['open_time']}`),
  );
  const [candle] = await answer<string[]>(server, 'KEYS', 'kline:*');
  assert.ok((await answer<number>(server, 'TTL', candle)) > 0);
});

test('a server that has lost everything gets it again', { skip }, async () => {
  const folder = temporaryFolder('redis-lost');
  const server = await startServer('redis');
  const scene = new SinkScene({ folder, sinkLines: sinkLines(server.port) });
  await scene.start();
  await scene.delivered();
  await scene.withoutServer(server);
  await scene.finish();
  assert.equal(comparisonText(compareTexts(scene.dataPath, await streamRows(server))), '');
});

test('a row that the server refuses goes to the dead letters, and no other', { skip }, async () => {
  const server = await startServer('redis');
  await answer(server, 'SET', 'stream:ETH-USD', 'something else');
  const { sink, refused } = await openDirect(redis, { port: server.port });
  const other = { ...PLACE, native: 'ETH/USD', symbol: 'ETH-USD' };
  await sink.deliver(tradeBatch('c', [{ row: 0 }, { row: 1, place: other }, { row: 2 }]));
  assert.deepEqual(
    refused.map(([row]) => row),
    [1],
  );
  assert.match(refused[0][1], /^stream:ETH-USD: WRONGTYPE/);
  assert.deepEqual(
    (await streamRowsOf(server, 'stream:BTC-USD')).map(({ row }) => row),
    ['0', '2'],
  );
});

test('who opens the target later finds what is there, and nothing of another comes behind that', {
  skip,
}, async () => {
  const server = await startServer('redis');
  const first = await openDirect(redis, { port: server.port });
  assert.equal(first.sink.cursor, null);
  await first.sink.deliver(tradeBatch('one', [{ row: 0 }]));
  const second = await openDirect(redis, { port: server.port });
  assert.equal(second.sink.cursor, 'one');
  await assert.rejects(
    async () => first.sink.deliver(tradeBatch('two', [{ row: 1 }])),
    /another sink has taken logger:cursor:direct over/,
  );
  await second.sink.deliver(tradeBatch('three', [{ row: 2 }]));
  assert.deepEqual(
    (await streamRowsOf(server, 'stream:BTC-USD')).map(({ row }) => row),
    ['0', '2'],
  );
});

test('lists and streams keep what they are to keep; the newest row stays; names become no part of a key', {
  skip,
}, async () => {
  const server = await startServer('redis');
  const { sink, logged } = await openDirect(redis, {
    ...{
      port: server.port,
      trades_max: 2,
      stream_max: 1,
      latest: '{{{native}}}:latest',
      latest_tables: ['TRADES'],
    },
  });
  const rows = Array.from({ length: 500 }, (_, row) => ({ row, recvSeconds: 1_728_000_100 - row }));
  for (const trade of rows) await sink.deliver(tradeBatch('c', [trade]));
  const list = await answer<string[]>(server, 'LRANGE', 'trades:BTC-USD', '0', '-1');
  assert.deepEqual(
    list.map((text) => JSON.parse(text).row),
    [499, 498],
  );
  assert.ok((await answer<number>(server, 'XLEN', 'stream:BTC-USD')) < 400);
  assert.equal((await answer<TextRow>(server, 'HGETALL', '{{BTC%2FUSD}}:latest'))['row'], '0');
  assert.deepEqual(logged, []);
  const elsewhere = { ...PLACE, exchange: 'okx' };
  await sink.deliver(tradeBatch('c', [{ row: 0, place: elsewhere }]));
  assert.match(logged.join(), /is written by kraken and by okx/);
});

test('a server with users and TLS takes a password from the environment, and shows it to nobody', {
  skip,
}, async () => {
  const { cert_path, key_path } = makeCertificate();
  afterProcesses(() => rmSync(dirname(cert_path), { recursive: true }));
  const port = await freePort();
  const users = ['--user', 'logger', 'on', '>s3cret', '~*', '+@all', '--user', 'default', 'off'];
  const tls = ['--tls-port', String(port), '--tls-cert-file', cert_path, '--tls-key-file', key_path];
  await startServer('redis', [...users, ...tls, '--tls-auth-clients', 'no'], { port: 0 });
  process.env['REDIS_TEST_PASSWORD'] = 's3cret';
  const values = { port, tls: true, ca_file: cert_path, username: 'logger' };
  const { sink } = await openDirect(redis, { ...values, password_env: 'REDIS_TEST_PASSWORD' });
  await sink.deliver(tradeBatch('one', [{ row: 0 }]));
  const again = await openDirect(redis, { ...values, password_env: 'REDIS_TEST_PASSWORD' });
  assert.equal(again.sink.cursor, 'one');
  process.env['REDIS_TEST_PASSWORD'] = 'wrong-one';
  const refused = await openDirect(redis, { ...values, password_env: 'REDIS_TEST_PASSWORD' }).catch(String);
  assert.match(String(refused), /WRONGPASS/);
  assert.doesNotMatch(String(refused), /wrong-one/);
  const unknown = openDirect(redis, { ...values, ca_file: '', password_env: 'REDIS_TEST_PASSWORD' });
  await assert.rejects(unknown, /self-signed|unable to verify/i);
  await assert.rejects(openDirect(redis, { ...values, password_env: 'NOT_SET' }), /NOT_SET .* is not set/);
});

test('a server that does not answer has failed after a while', { skip }, async () => {
  const server = await startServer('redis');
  const proxy = await TcpProxy.to(server.port);
  const { sink } = await openDirect(redis, { port: proxy.port, timeout_secs: 1 });
  proxy.swallow();
  await assert.rejects(async () => sink.deliver(tradeBatch('one', [{ row: 0 }])), /longer than 1 s/);
});

/** Servers that share the slots of a cluster. */
async function startCluster(nodes: number): Promise<Server[]> {
  const servers: Server[] = [];
  while (servers.length < nodes) {
    const bus = String(await freePort());
    const options = ['--cluster-enabled', 'yes', '--cluster-port', bus, '--cluster-node-timeout', '60000'];
    servers.push(await startServer('redis', [...DURABLE, ...options]));
  }
  const addresses = servers.map(({ port }) => `127.0.0.1:${port}`);
  await printed('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes']);
  for (const server of servers) await clusterIsUp(server);
  return servers;
}

async function clusterIsUp({ port }: Server): Promise<void> {
  await until('the cluster is up', async () =>
    (await printed('redis-cli', ['-p', String(port), 'CLUSTER', 'INFO'])).includes('cluster_state:ok'),
  );
}

test('in a cluster every node leads to the one of the tag, where batches are transactions as well', {
  skip,
}, async () => {
  const servers = await startCluster(3);
  // slots 15495, 3300 and 7365: of the third, the first and the second node
  for (const [i, tag] of ['a', 'b', 'c'].entries()) {
    const values = { port: servers[i].port, cluster_tag: tag, latest_tables: ['TRADES'] };
    const other = { ...PLACE, native: 'ETH/USD', symbol: 'ETH-USD' };
    const first = await openDirect(redis, values);
    await first.sink.deliver(tradeBatch('one', [{ row: 0 }, { row: 0, place: other }]));
    const second = await openDirect(redis, values);
    assert.equal(second.sink.cursor, 'one');
    await assert.rejects(async () => first.sink.deliver(tradeBatch('two', [{ row: 1 }])), /has taken/);
    const owner = servers[[2, 0, 1][i]];
    await owner.kill();
    await assert.rejects(
      async () => second.sink.deliver(tradeBatch('two', [{ row: 1 }])),
      /^LoggerError: Redis: /,
    );
    await second.sink.close();
    await owner.start();
    await clusterIsUp(owner);
    const third = await openDirect(redis, values);
    assert.equal(third.sink.cursor, 'one');
    await third.sink.deliver(tradeBatch('three', [{ row: 2 }]));
    const rows = await streamRowsOf(owner, `{${tag}}:stream:BTC-USD`);
    assert.deepEqual(
      rows.map(({ row }) => row),
      ['0', '2'],
    );
    assert.equal((await answer<TextRow>(owner, 'HGETALL', `{${tag}}:latest:ETH-USD`))['row'], '0');
  }
});

test('keys that would hold two kinds of values are refused', async () => {
  await assert.rejects(openDirect(redis, { trades: 'x', stream: 'x' }), /must be different keys/);
  await assert.rejects(openDirect(redis, { latest_tables: ['MD', 'BBO'] }), /needs \{table\}/);
  await assert.rejects(openDirect(redis, { cluster_tag: 'x', db: 1 }), /no database but 0/);
});
