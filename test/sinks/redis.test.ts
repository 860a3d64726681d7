/**
 * The sink `redis` and a real server: what redis-cli reads there is what the column files have, in every table of all
 * exchanges, once, whatever fails meanwhile.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparisonText } from '../support/delivered.js';
import { type PlainRow, plainRows } from '../support/plain_rows.js';
import { temporaryFolder } from '../support/processes.js';
import { lacksProgram, printed, type Server, startServer } from '../support/servers.js';
import { SinkScene } from '../support/sink_scene.js';
import { TcpProxy } from '../support/tcp_proxy.js';
import { compareTexts, type TextRow } from '../support/text_rows.js';

const skip = lacksProgram('redis-server', ['--version'], 'redis-server is not installed');
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

async function streamRows(server: Server): Promise<TextRow[]> {
  const rows: TextRow[] = [];
  for (const key of await answer<string[]>(server, 'KEYS', 'stream:*')) {
    const entries = await answer<[string, string[]][]>(server, 'XRANGE', key, '-', '+');
    rows.push(...entries.map(([, values]) => pairs(values)));
  }
  return rows;
}

function sinkLines(port: number): string[] {
  return [
    'type = "redis"',
    `port = ${port}`,
    'stream_max = 0',
    'trades = "trades:{exchange}:{symbol}"',
    'trades_max = 0',
    'latest = "latest:{exchange}:{symbol}:{table}"',
    'latest_tables = ["MD", "BBO", "TRADES"]',
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

async function assertHashes(
  server: Server,
  dataPath: string,
  pattern: string,
  wanted: Map<string, PlainRow>,
): Promise<void> {
  const keys = await answer<string[]>(server, 'KEYS', pattern);
  assert.deepEqual(keys.length, wanted.size);
  const rows: TextRow[] = [];
  for (const key of keys) rows.push(await answer<TextRow>(server, 'HGETALL', key));
  const names = new Set([...wanted.values()]);
  assert.equal(
    comparisonText(compareTexts(dataPath, rows, (row) => [...names].some((name) => same(name, row)))),
    '',
  );
}

const same = (a: PlainRow, b: PlainRow) =>
  ['exchange', 'native', 'table', 'day', 'row'].every((name) => a[name] === b[name]);

test('every row of all exchanges and tables is there once, whatever fails', { skip }, async () => {
  const folder = temporaryFolder('redis');
  const server = await startServer('redis', DURABLE);
  const proxy = await TcpProxy.to(server.port);
  const scene = new SinkScene({ folder, sinkLines: sinkLines(proxy.port) });
  await scene.start();
  await scene.faults(server, proxy);
  await scene.finish();

  const rows = await streamRows(server);
  assert.equal(comparisonText(compareTexts(scene.dataPath, rows)), '');
  const tables = new Set(rows.map(({ table }) => table));
  for (const table of ['TRADES', 'MD', 'BBO', 'BOOK', 'KLINES_1m', 'GAPS', 'AGG_TRADES'])
    assert.ok(tables.has(table), table);

  const plain = [...plainRows(scene.dataPath).values()];
  const place = (row: PlainRow) => `${row['exchange']}:${row['native']}`;
  const latest = plain.filter(({ table }) => ['MD', 'BBO', 'TRADES'].includes(String(table)));
  await assertHashes(
    server,
    scene.dataPath,
    'latest:*',
    newest(latest, (row) => `${place(row)}:${row['table']}`),
  );
});
