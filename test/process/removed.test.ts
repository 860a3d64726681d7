/**
 * Files that somebody removes under a running logger. It turns red, goes on capturing, makes what is missing again, and
 * what was lost with the files is listed; nothing that is found afterwards is torn or misaligned.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import { GAP_CAUSES } from '../../src/schema/tables.js';
import { compareLedger, formatComparison } from '../../src/simulator/compare/compare.js';
import { readGaps } from '../../src/store/read/listings.js';
import { listTableDays } from '../../src/store/read/reader.js';
import {
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
  verifyProblems,
} from '../support/processes.js';

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

/** Rows that GAPS says were lost with removed files. */
function listedAsRemoved(dataPath: string): number {
  const rows = listTableDays(dataPath, { table: 'GAPS' }).flatMap((tableDay) => [...readGaps(tableDay)]);
  return sum(
    rows.filter(({ cause }) => cause === GAP_CAUSES.disk.id).map(({ messages }) => Number(messages)),
  );
}

const segments = (dataPath: string) =>
  readdirSync(join(dataPath, 'journal')).filter((name) => name !== 'checkpoint');

/** The folder of one table with ids. */
function tradesOf(dataPath: string): string {
  const exchange = join(dataPath, 'coinbase');
  const [symbol] = readdirSync(exchange, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return join(exchange, (symbol as { name: string }).name, 'TRADES');
}

/** What is removed, relative to the data directory; the rows of it that are lost. */
const REMOVALS: readonly (readonly [name: string, remove: (dataPath: string) => void, loses: boolean])[] = [
  ['one table', (data) => removed(tradesOf(data)), true],
  ['one exchange', (data) => removed(join(data, 'coinbase')), true],
  ['the journal', (data) => removed(join(data, 'journal')), false],
  ['the whole data directory', removed, true],
  ['a table that is moved away', (data) => movedAway(join(data, 'binance'), `${data}-away`), true],
  [
    'a column that is replaced by an older copy',
    (data) => {
      const folder = tradesOf(data);
      const file = join(folder, readdirSync(folder).find((name) => name.startsWith('trade_price')) as string);
      cpSync(file, `${data}-copy`);
      renameSync(`${data}-copy`, file);
    },
    true,
  ],
];

/** As `rm -rf` does, which loses the race against a writer that makes files now and then. */
function removed(path: string): void {
  rmSync(path, { recursive: true, maxRetries: 50, retryDelay: 10 });
}

function movedAway(path: string, to: string): void {
  renameSync(path, to);
}

for (const [name, remove, loses] of REMOVALS) {
  test(`${name} goes: red, then new files, and the loss is listed`, async () => {
    const folder = temporaryFolder('removed');
    const dataPath = join(folder, 'data');
    const simulator = await startSimulatorProcess(join(folder, 'ledger'), [
      '--symbols',
      '4',
      '--rate',
      '500',
    ]);
    const logger = startLoggerProcess({ folder }, simulator);
    await logger.ready();
    const written = async () => (await logger.health()).writer.rows_written;
    await until('rows are written', async () => (await written()) > 2000);
    const before = segments(dataPath);
    remove(dataPath);
    await until('it is red and says why', async () => {
      const { status, reasons } = await logger.health();
      return status === 'unhealthy' && reasons.some((reason) => reason.startsWith('files were removed'));
    });
    await logger.logged(/^files: the disk takes writes again/);
    const then = await written();
    await until('rows are written again', async () => (await written()) > then + 2000);
    const { writer } = await logger.health();
    assert.equal(writer.rows_removed > 0, loses);
    assert.ok(
      segments(dataPath).every((segment) => !before.includes(segment)),
      'the journal has a new segment',
    );
    assert.equal(await logger.stop(), EXIT.ok, logger.stderr());
    await simulator.stop();
    const comparison = compareLedger(simulator.ledger, dataPath);
    assert.ok(comparison.ok, formatComparison(comparison));
    assert.equal(sum(comparison.channels.map(({ listed }) => listed)) > 0, loses);
    assert.equal(listedAsRemoved(dataPath), writer.rows_removed);
    assert.equal(await verifyProblems(dataPath), '');
  });
}

test('killed after files were begun again: the next start redoes behind that', async () => {
  const folder = temporaryFolder('removed');
  const dataPath = join(folder, 'data');
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), ['--symbols', '4', '--rate', '500']);
  const first = startLoggerProcess({ folder }, simulator);
  await first.ready();
  const written = async () => (await first.health()).writer.rows_written;
  await until('rows are written', async () => (await written()) > 2000);
  removed(join(dataPath, 'coinbase'));
  await until('new files are begun', async () => (await first.health()).writer.rows_removed > 0);
  const then = await written();
  await until('rows are written again', async () => (await written()) > then + 1000);
  await first.kill();
  const second = startLoggerProcess({ folder }, simulator);
  await until('rows are written', async () => (await second.health()).writer.rows_written > 1000);
  assert.equal(await second.stop(), EXIT.ok, second.stderr());
  await simulator.stop();
  const comparison = compareLedger(simulator.ledger, dataPath);
  assert.ok(comparison.ok, formatComparison(comparison));
  assert.equal(await verifyProblems(dataPath), '');
});

test('another data directory in the place of ours ends the process and is left as it is', async () => {
  const folder = temporaryFolder('removed');
  const dataPath = join(folder, 'data');
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), ['--symbols', '2', '--rate', '200']);
  const logger = startLoggerProcess({ folder }, simulator);
  await logger.ready();
  const other = join(folder, 'other');
  mkdirSync(join(other, 'journal'), { recursive: true });
  writeFileSync(join(other, 'journal', 'checkpoint'), 'of somebody else\n');
  renameSync(dataPath, join(folder, 'away'));
  renameSync(other, dataPath);
  assert.deepEqual(await logger.exited, { code: EXIT.ioError, signal: null });
  assert.deepEqual(readdirSync(join(dataPath, 'journal')), ['checkpoint']);
  assert.ok(!existsSync(join(dataPath, 'coinbase')));
});
