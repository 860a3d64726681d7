/** Sinks of whole processes: what arrives is compared with the column files, row by row and value by value. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareDelivered, comparisonText, deliveredLines } from '../support/delivered.js';
import { channelsOf, EXCHANGES } from '../support/fixtures.js';
import { startLoggerProcess, startSimulatorProcess, temporaryFolder, until } from '../support/processes.js';

const ALL = EXCHANGES.map(({ id }) => id).join(',');
/** Every exchange with all of its channels. */
const EXCHANGE_LINES = Object.fromEntries(
  EXCHANGES.map((exchange) => [exchange.id, [`channels = ${JSON.stringify(channelsOf(exchange))}`]]),
);

function sinkLines(folder: string): readonly string[] {
  return ['type = "jsonl"', `path = ${JSON.stringify(folder)}`, 'batch_secs = 0.2', 'rotate_bytes = 100000'];
}

test('every row of nine exchanges and all tables arrives once, with the values of the column files', async () => {
  const folder = temporaryFolder('sinks');
  const files = join(folder, 'files');
  const simulator = await startSimulatorProcess(
    join(folder, 'ledger'),
    ['--symbols', '3', '--rate', '300'],
    ALL,
  );
  const options = { folder, exchangeLines: EXCHANGE_LINES, sinkLines: { files: sinkLines(files) } };
  const logger = startLoggerProcess(options, simulator);
  await logger.ready();
  await until(
    'rows are delivered',
    async () => (await logger.health()).sinks['files'].rows_delivered > 20_000,
  );
  await simulator.finish();
  await logger.quiet();
  await until('nothing is left', async () => (await logger.health()).sinks['files'].lag_rows === 0);
  assert.equal(await logger.stop(), 0, logger.stderr());
  await simulator.stop();
  const comparison = compareDelivered(join(folder, 'data'), deliveredLines(files, 'files'));
  assert.equal(comparisonText(comparison), '');
  assert.ok(comparison.rows > 20_000);
});
