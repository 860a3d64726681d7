/** `npm run test:live` against the simulator: it finds an exchange well that is well, and says what is not. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import { runProgram, startSimulatorProcess, temporaryFolder } from '../support/processes.js';

const folder = temporaryFolder('live');

/** Runs it for a few seconds on one exchange of a simulator. */
async function runLive(exchange: string, flags: readonly string[], ...args: readonly string[]) {
  const ledger = join(folder, `${exchange}-ledger`);
  const simulator = await startSimulatorProcess(
    ledger,
    ['--symbols', '5', '--rate', '500', ...flags],
    exchange,
  );
  const { ws, rest } = simulator.exchanges[exchange];
  const endpoints = ['--ws-endpoint', ws, '--rest-endpoint', rest];
  const result = await runProgram('dist/test/live/run.js', exchange, ...args, '--seconds', '5', ...endpoints);
  await simulator.stop();
  return result;
}

test('an exchange that is well', async () => {
  for (const [exchange, ...symbols] of [['kraken', 'BTC/USD', 'ETH/USD'], ['bybit-linear']]) {
    const { status, text } = await runLive(exchange, [], ...symbols);
    assert.equal(status, EXIT.ok, text);
    assert.match(text, /\nall is well\n$/);
  }
});

test('an exchange that loses messages', async () => {
  const { status, text } = await runLive('coinbase', ['--fault', 'drop:probability=0.05']);
  assert.equal(status, EXIT.failed, text);
  assert.match(text, /\nNOT WELL: .*\bmissing is not 0/);
});

test('wrong use', async () => {
  for (const args of [[], ['no-such-exchange'], ['kraken', '--seconds', 'x']]) {
    const { status } = await runProgram('dist/test/live/run.js', ...args);
    assert.equal(status, EXIT.usage, args.join(' '));
  }
});
