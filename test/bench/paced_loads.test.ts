/** The loads of stage paced are what their names say, and the default run takes a part of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALL_LOADS, PACED_LOADS, pacedPlan, pacedSeconds } from '../../bench/paced_loads.js';
import { loadExchange } from '../../src/exchanges/index.js';
import { planSessions } from '../../src/feed/plan.js';
import { PROTOCOLS } from '../../src/simulator/venues/index.js';

/** Connections that the logger opens for a load. */
async function connectionsOf(name: string, ids: readonly string[], channels: string[]): Promise<number> {
  const load = PACED_LOADS.find((each) => each.name === name);
  assert.ok(load !== undefined);
  const symbols = Array.from({ length: load.symbols }, (_, i) => `S${i}`);
  const limits = { maxConnections: 1000, symbolsPerConnection: load.symbolsPerConnection };
  const exchanges = await Promise.all(ids.map(loadExchange));
  return exchanges.reduce((sum, each) => sum + planSessions(each, symbols, channels, limits).length, 0);
}

test('a load has as many connections as it says', async () => {
  for (const { name, rate } of PACED_LOADS.filter((load) => /^\d+x\d+$/.test(load.name))) {
    const [wanted, connections] = name.split('x').map(Number);
    assert.equal(rate, wanted);
    assert.equal(await connectionsOf(name, ['binance'], ['trades']), connections, name);
  }
  const all = Object.keys(PROTOCOLS);
  assert.equal(await connectionsOf('idle', ['binance'], ['trades']), 2);
  assert.equal(await connectionsOf('nine', all, ['ticker', 'trades']), 22);
  assert.equal(await connectionsOf('nine500', all, ['ticker', 'trades']), 110);
});

test('the default run takes one load, once; whoever names loads gets all programs and all runs', () => {
  const plain = pacedPlan({ runs: 2, loads: [] });
  assert.deepEqual([plain.loads.map(({ name }) => name), plain.runs], [['5000x10'], 1]);
  const named = pacedPlan({ runs: 3, loads: ['idle', '500x1'] });
  assert.deepEqual([named.loads.map(({ name }) => name), named.runs], [['500x1', 'idle'], 3]);
  assert.ok(named.contenders.length > plain.contenders.length);
  assert.deepEqual(pacedPlan({ runs: 2, loads: [ALL_LOADS] }).loads, PACED_LOADS);
});

test('the time that is expected follows loads and runs', () => {
  const one = pacedSeconds({ runs: 1, loads: ['5000x10'] });
  assert.equal(pacedSeconds({ runs: 2, loads: ['5000x10', '5000x22'] }), 4 * one);
  assert.ok(pacedSeconds({ runs: 2, loads: [] }) < one);
  assert.ok(pacedSeconds({ runs: 1, loads: [ALL_LOADS] }) > 9 * one);
});
