/**
 * Connections are replaced before their exchange closes them, and when it says that it will: no trade is missing, none is
 * stored twice, and order books go on. run.ts does as many as asked for.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
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
