/**
 * One exchange's trouble is its own: an interface that is down, forbidden or answers with a page, a name that does not
 * resolve, and a list with odd entries. Every other exchange is captured as ever, at the start and at a reload, and the
 * one in trouble is taken up in the background when its trouble is over.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type LoggerProcess,
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
} from '../support/processes.js';

const BOTH = 'coinbase,binance';
const FLAGS = ['--symbols', '3', '--rate', '200'];
/** What is wrong with the REST interface of Binance, and what /health says of it. */
const TROUBLES = [
  { fault: { status: 503 }, says: /^binance: the list of symbols cannot be had: .*503/ },
  { fault: { status: 451, body: 'html' }, says: /^binance: the list of symbols cannot be had: .*451/ },
  { fault: { status: 200, body: 'html' }, says: /^binance: the list of symbols cannot be had: .*not JSON/ },
] as const;

const rows = async (logger: LoggerProcess, exchange: string) =>
  (await logger.health()).exchanges[exchange]?.rows_written ?? 0;
const says = async (logger: LoggerProcess, text: RegExp) =>
  (await logger.health()).reasons.some((reason) => text.test(reason));

for (const { fault, says: words } of TROUBLES) {
  test(`REST of one exchange answers ${JSON.stringify(fault)} at the start: the other one is captured`, async () => {
    const folder = temporaryFolder('trouble');
    const simulator = await startSimulatorProcess(join(folder, 'account'), FLAGS, BOTH);
    await simulator.fault({ kind: 'http', exchange: 'binance', seconds: 3600, ...fault });
    const logger = startLoggerProcess({ folder }, simulator);
    await until('rows of the other exchange are stored', async () => (await rows(logger, 'coinbase')) > 0);
    await until('the trouble is named', () => says(logger, words));
    const health = await logger.health();
    assert.equal(health.status, 'degraded');
    assert.equal(health.exchanges.binance.rows_written, 0);
    // the fault is over
    await simulator.fault({ kind: 'http', exchange: 'binance', count: 0 });
    await until('the exchange is taken up', async () => (await rows(logger, 'binance')) > 0);
    await until('nothing is wrong any more', async () => (await logger.health()).status === 'healthy');
    assert.equal(await logger.stop(), 0, logger.stderr());
  });
}

test('a host that does not exist stops nobody else, and a reload of another exchange does not wait for it', async () => {
  const folder = temporaryFolder('trouble');
  const simulator = await startSimulatorProcess(join(folder, 'account'), FLAGS, BOTH);
  const logger = startLoggerProcess(
    {
      folder,
      env: {
        LOGGER__EXCHANGES__BINANCE__REST_ENDPOINT: 'http://no-such-host.invalid',
        LOGGER__EXCHANGES__BINANCE__WS_ENDPOINT: 'ws://no-such-host.invalid',
      },
      exchangeLines: { coinbase: ['symbols = ["BTC-USD"]'] },
    },
    simulator,
  );
  await until('rows of the other exchange are stored', async () => (await rows(logger, 'coinbase')) > 0);
  await until('the trouble is named', () => says(logger, /^binance: the list of symbols cannot be had/));
  const file = join(folder, 'logger.toml');
  writeFileSync(file, readFileSync(file, 'utf8').replace('["BTC-USD"]', '["BTC-USD", "ETH-USD"]'));
  logger.child.kill('SIGHUP');
  await until('the change is made', async () => {
    const { exchanges } = await logger.health();
    return (exchanges.coinbase as unknown as { symbols: number }).symbols === 2;
  });
  assert.equal(await logger.stop(), 0, logger.stderr());
});

test('names that an exchange does not list are refused by name, with what may be meant; the others are captured', async () => {
  const folder = temporaryFolder('trouble');
  const simulator = await startSimulatorProcess(join(folder, 'account'), FLAGS, BOTH);
  const logger = startLoggerProcess(
    {
      folder,
      exchangeLines: {
        binance: ['symbols = ["btcusdt", "ETHUSDT"]'],
        coinbase: ['symbols = ["BTC-USD", "REP-USD"]'],
      },
    },
    simulator,
  );
  await until('both are named', async () => {
    const { reasons } = await logger.health();
    return (
      reasons.includes('binance: btcusdt is not listed; did you mean BTCUSDT?') &&
      reasons.includes('coinbase: REP-USD is delisted')
    );
  });
  await until('the others are captured', async () => {
    const counts = await Promise.all(['binance', 'coinbase'].map((id) => rows(logger, id)));
    return counts.every((count) => count > 0);
  });
  const { exchanges } = await logger.health();
  assert.deepEqual(
    ['binance', 'coinbase'].map((id) => (exchanges[id] as unknown as { symbols: number }).symbols),
    [1, 1],
  );
  assert.equal(await logger.stop(), 0, logger.stderr());
});
