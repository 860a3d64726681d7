/**
 * An exchange that goes on with a symbol and sends nothing more of one of its channels: the process notices, subscribes
 * that stream again, names it, and lists what it has missed.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareLedger, formatComparison } from '../../src/simulator/compare/compare.js';
import {
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
  verifyProblems,
} from '../support/processes.js';

test('a stream that has stopped is subscribed again, and its gap has silence as its cause', async () => {
  const folder = temporaryFolder('silence');
  const [ledger, data] = [join(folder, 'ledger'), join(folder, 'data')];
  const simulator = await startSimulatorProcess(ledger, ['--symbols', '3', '--rate', '200'], 'binance');
  const exchangeLines = { binance: ['channels = ["trades", "agg_trades", "bbo"]'] };
  const logger = startLoggerProcess({ folder, exchangeLines }, simulator);
  await logger.ready();
  const [symbol, channel] = ['ETHUSDT', 'bbo'];
  const counters = async () => {
    const { counters } = (await logger.health()) as unknown as {
      counters: { exchanges: { binance: { session: { silences: number; rows: number; gaps: number } } } };
    };
    return counters.exchanges.binance.session;
  };
  // what a stream usually does has to be known first
  await until('it is known how often streams move', async () => (await counters()).rows > 200 * 50, 200);
  const { gaps } = await counters();
  await simulator.fault({ kind: 'mute', symbol, channel });
  await logger.logged(/bbo of ETHUSDT has stopped/);
  await until('the stream goes on', async () => (await counters()).gaps > gaps);
  assert.equal((await counters()).silences, 1, 'no other stream was touched');
  await simulator.finish();
  await logger.quiet();
  assert.equal(await logger.stop(), 0, logger.stderr());
  await simulator.stop();
  const comparison = compareLedger(ledger, data);
  assert.ok(comparison.ok, formatComparison(comparison));
  const quotes = comparison.channels.find((c) => c.symbol === symbol && c.channel === channel);
  assert.ok(quotes !== undefined && quotes.listed > 0, formatComparison(comparison));
  assert.equal(await verifyProblems(data), '');
});
