/** `logger simulate --play`: a recording on its way through the whole program becomes the rows that it must become. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type FixtureRow, readFixtures } from '../../support/fixtures.js';
import {
  runProgram,
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
} from '../../support/processes.js';

const CLI = resolve('dist/src/cli.js');
/** What does not depend on when a message is received. */
const COLUMNS: Readonly<Record<string, string>> = {
  TRADES: 'trade_id,trade_side,price_digits,size_digits,scales',
  MD: 'side,price_digits,best_bid_digits,best_ask_digits,volume_digits,scales',
};

const fixtures = readFixtures('binance')
  .messages.filter(({ rows }) => rows.length === 1 && rows[0].table in COLUMNS)
  .map(({ message, rows: [row] }) => ({ message, row }));

function writeRecording(path: string): string {
  const lines = fixtures
    .map(({ message }) => `${JSON.stringify({ raw: message, opcode: 'text' })}\n`)
    .join('');
  writeFileSync(path, path.endsWith('.gz') ? gzipSync(lines) : lines);
  return path;
}

/** Rows of a table on disk as `logger read` prints them, without the values that a message may lack. */
async function rowsOnDisk(data: string, symbol: string, table: string): Promise<FixtureRow[]> {
  const { status, text } = await runProgram(
    ...[CLI, 'read', 'binance', symbol, table, '--data', data],
    ...['--raw', '--format', 'jsonl', '--columns', COLUMNS[table]],
  );
  assert.equal(status, 0, text);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, String(value ?? 0)])));
}

function expectedRows(symbol: string, table: string): FixtureRow[] {
  return fixtures
    .filter(({ row }) => row['symbol'] === symbol && row['table'] === table)
    .map(({ row }) => Object.fromEntries(COLUMNS[table].split(',').map((name) => [name, row[name] ?? '0'])));
}

for (const name of ['recording.jsonl', 'recording.jsonl.gz'])
  test(`${name} is played to the logger, and its rows are on disk`, async () => {
    const folder = temporaryFolder('play');
    const recording = writeRecording(join(folder, name));
    const simulator = await startSimulatorProcess(join(folder, 'ledger'), ['--play', recording], 'binance');
    const symbols = [...new Set(fixtures.map(({ row }) => row['symbol']))];
    const lines = [`symbols = ${JSON.stringify(symbols)}`, 'channels = ["ticker", "trades"]'];
    const logger = startLoggerProcess({ folder, exchangeLines: { binance: lines } }, simulator);
    await until(
      'its messages are rows',
      async () => (await logger.health()).writer.rows_written >= fixtures.length,
    );
    assert.equal(await logger.stop(), 0);
    await simulator.stop();
    for (const symbol of symbols)
      for (const table of Object.keys(COLUMNS)) {
        const expected = expectedRows(symbol, table);
        if (expected.length > 0)
          assert.deepEqual(
            await rowsOnDisk(join(folder, 'data'), symbol, table),
            expected,
            `${symbol} ${table}`,
          );
      }
  });
