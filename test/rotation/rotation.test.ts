/**
 * Connections are replaced before their exchange closes them, and when it says that it will: no trade is missing, none is
 * stored twice, and order books go on. run.ts does as many as asked for.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runProgram } from '../support/processes.js';
import { faultsOf, rotate, summaryOf } from './rounds.js';

test('connections that the exchange closes at a certain age are replaced before, without a gap', async (t) => {
  const result = await rotate({
    exchanges: ['binance'],
    closeAfterSecs: 60,
    expectedSecs: 6,
    handovers: 8,
    channels: ['trades', 'ticker', 'bbo', 'agg_trades', 'book'],
  });
  t.diagnostic(summaryOf(result));
  assert.deepEqual(faultsOf(result), []);
});

test('connections whose end is announced are replaced at once', async (t) => {
  const flags = ['--exchanges', 'binance,okx,kraken', '--age', '14', '--notice', '8', '--told'];
  const { status, text } = await runProgram('dist/test/rotation/run.js', ...flags, '--handovers', '12');
  t.diagnostic(text);
  assert.equal(status, 0, text);
});

test('with two connections for the same streams a cut of one costs nothing', async (t) => {
  const result = await rotate({
    exchanges: ['binance', 'upbit'],
    closeAfterSecs: 0,
    expectedSecs: 0,
    handovers: 0,
    redundancy: 2,
    cuts: 4,
    channels: ['trades', 'ticker', 'bbo', 'book'],
  });
  t.diagnostic(summaryOf(result));
  assert.deepEqual(faultsOf(result), []);
  const tickers = result.channels.filter(({ channel }) => channel === 'ticker' || channel === 'bbo');
  assert.equal(
    tickers.reduce((sum, { listed }) => sum + listed, 0),
    0,
    'nothing without ids is missing either',
  );
});
