/** SIGHUP on the running program: symbols come and go without touching a connection, the rest is named. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { columnFile } from '../../src/store/disk/paths.js';
import { startLoggerProcess, startSimulatorProcess, temporaryFolder, until } from '../support/processes.js';

const TODAY = Math.floor(Date.now() / 86_400_000);

test('a reload changes symbols on open connections, names what needs a restart, and survives a broken file', async () => {
  const folder = temporaryFolder('reload');
  const simulator = await startSimulatorProcess(
    join(folder, 'ledger'),
    ['--symbols', '6', '--rate', '600'],
    'coinbase',
  );
  const options = { folder, exchangeLines: { coinbase: ['symbols = ["BTC-USD", "ETH-USD"]'] } };
  const logger = startLoggerProcess(options, simulator);
  await logger.ready();
  const file = join(folder, 'logger.toml');
  const rows = (symbol: string) => {
    const path = join(folder, 'data', 'coinbase', symbol, 'TRADES', columnFile('trade_id', TODAY));
    return existsSync(path) ? statSync(path).size / 8 : 0;
  };
  await until('BTC-USD and ETH-USD have rows', () => rows('BTC-USD') > 0 && rows('ETH-USD') > 0);

  const before = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    before.replace('"ETH-USD"', '"SOL-USD"').replace('buffer_size = 8192', 'buffer_size = 4096'),
  );
  logger.child.kill('SIGHUP');
  await logger.logged(/configuration reloaded/);
  const named = logger.lines.filter(({ msg }) => /needs a restart/.test(msg)).map((line) => line['key']);
  assert.deepEqual(named, ['logger.buffer_size']);
  await until('SOL-USD has rows', () => rows('SOL-USD') > 0);
  const goesOn = async () => {
    const before = rows('BTC-USD');
    await until('BTC-USD goes on', () => rows('BTC-USD') > before);
  };
  // the oldest rows are written first: those of the symbol that went before the second batch of another one
  for (let batch = 0; batch < 2; batch++) await goesOn();
  const gone = rows('ETH-USD');
  await goesOn();
  assert.equal(rows('ETH-USD'), gone);

  writeFileSync(file, '[logger]\nbuffer_sise = 1\n');
  logger.child.kill('SIGHUP');
  assert.match((await logger.logged(/stays as it is/)).msg, /unknown key logger\.buffer_sise/);
  const { exchanges } = await logger.health();
  assert.deepEqual(
    exchanges.coinbase.connections.map(({ state, reconnects }) => [state, reconnects]),
    [['ACTIVE', 0]],
  );
  assert.equal(await logger.stop(), 0, logger.stderr());
});
