/** Symbols that come, go and pause while the logger runs: taken up and let go without touching the others. */
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { columnFile } from '../../src/store/disk/paths.js';
import { startLoggerProcess, startSimulatorProcess, temporaryFolder, until } from '../support/processes.js';

const TODAY = Math.floor(Date.now() / 86_400_000);

test('new listings are taken up, delisted symbols let go, halted ones stay; no connection is touched', async () => {
  const folder = temporaryFolder('listings');
  const flags = ['--symbols', '6', '--rate', '600'];
  const simulator = await startSimulatorProcess(join(folder, 'account'), flags, 'coinbase');
  // not listed yet
  await simulator.fault({ kind: 'delist', symbol: 'SOL-USD' });
  const logger = startLoggerProcess(
    {
      folder,
      env: { LOGGER__SYMBOLS__REFRESH_SECS: '1' },
      exchangeLines: { coinbase: ['symbols = ["*-USD", "!XRP-USD"]'] },
    },
    simulator,
  );
  const rows = (symbol: string) => {
    const path = join(folder, 'data', 'coinbase', symbol, 'TRADES', columnFile('trade_time', TODAY));
    return existsSync(path) ? statSync(path).size / 4 : 0;
  };
  const coinbase = async () =>
    (await logger.health()).exchanges.coinbase as unknown as {
      symbols: number;
      symbols_listed: number;
      connections: readonly { reconnects: number; state: string }[];
    };
  await until('what is listed is captured', () => rows('BTC-USD') > 0 && rows('ETH-USD') > 0);
  assert.equal(rows('SOL-USD'), 0);

  await simulator.fault({ kind: 'list', symbol: 'SOL-USD' });
  await until('the new one is captured', () => rows('SOL-USD') > 0);
  await simulator.fault({ kind: 'halt', symbol: 'ETH-USD' });
  await logger.logged(/listing changed/);
  const before = (await coinbase()).symbols;
  const halted = rows('ETH-USD');
  await simulator.fault({ kind: 'resume', symbol: 'ETH-USD' });
  await until('it goes on after the halt', () => rows('ETH-USD') > halted);
  assert.equal((await coinbase()).symbols, before);

  await simulator.fault({ kind: 'delist', symbol: 'DOGE-USD' });
  await until('what three lists lack is let go', async () => (await coinbase()).symbols === before - 1);
  const { connections } = await coinbase();
  assert.deepEqual(
    connections.map(({ reconnects, state }) => [reconnects, state]),
    [[0, 'ACTIVE']],
  );
  assert.equal(existsSync(join(folder, 'data', 'coinbase', 'XRP-USD')), false, 'it is left out');
  assert.equal(await logger.stop(), 0, logger.stderr());
});

test('a connection that has lost its last symbol rests, and opens again when one comes', async () => {
  const folder = temporaryFolder('resting');
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), ['--symbols', '2'], 'okx');
  const logger = startLoggerProcess(
    {
      folder,
      env: { LOGGER__SYMBOLS__REFRESH_SECS: '1' },
      exchangeLines: { okx: ['symbols = ["BTC-*"]'] },
    },
    simulator,
  );
  const connections = async () => {
    const { okx } = (await logger.health()).exchanges as unknown as Record<
      string,
      { symbols: number; connections: { reconnects: number; state: string }[] }
    >;
    return [...new Set(okx.connections.map(({ reconnects, state }) => `${state} ${reconnects}`))].join();
  };
  await until('it is up', async () => (await connections()) === 'ACTIVE 0');
  await simulator.fault({ kind: 'delist', symbol: 'BTC-USDT' });
  await until('it rests', async () => (await connections()) === 'RESTING 0');
  // nothing is down
  await logger.ready();
  await simulator.fault({ kind: 'list', symbol: 'BTC-USDT' });
  await until('it is up again', async () => (await connections()) === 'ACTIVE 0');
  assert.equal(await logger.stop(), 0, logger.stderr());
});

test('a symbol that is listed but does not trade keeps nobody waiting, alone on its connections', async () => {
  const folder = temporaryFolder('suspended');
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), ['--symbols', '2'], 'okx');
  const symbols = 'symbols = ["BTC-USDT", "LUNC-EUR"]';
  const logger = startLoggerProcess(
    { folder, symbolsPerConnection: 1, exchangeLines: { okx: [symbols] } },
    simulator,
  );
  await logger.ready();
  await until('it is named, and nothing is down', async () => {
    const { status, reasons } = await logger.health();
    const [reason, ...others] = reasons;
    return status === 'degraded' && others.length === 0 && /^okx: .* refused: LUNC-EUR/.test(reason);
  });
  await logger.ready();
  assert.equal(await logger.stop(), 0, logger.stderr());
});
