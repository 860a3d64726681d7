/**
 * The history of instruments: what an exchange lists of a symbol is on disk with one row per change, whatever happens to
 * the process meanwhile.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { listTableDays, readColumns, u32Of, u64Of } from '../../src/store/read/reader.js';
import {
  runProgram,
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
  verifyProblems,
} from '../support/processes.js';

const STATES = ['unlisted', 'pre_trading', 'trading', 'halted', 'delisted'];

test('a row says what is listed of a symbol, and another one what has changed, across restarts', async () => {
  const folder = temporaryFolder('instruments');
  const data = join(folder, 'data');
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), ['--symbols', '5'], 'coinbase');
  const options = {
    folder,
    env: { LOGGER__SYMBOLS__REFRESH_SECS: '1' },
    exchangeLines: { coinbase: ['symbols = ["*-USD", "!XRP-USD"]'] },
  };
  /** State, and tick as digits and decimals, of every row of a symbol. */
  const history = (symbol: string) =>
    listTableDays(data, { exchange: 'coinbase', symbol, table: 'INSTRUMENTS' })
      .map((tableDay) => readColumns(tableDay))
      .flatMap((block) =>
        Array.from(u32Of(block, 'state'), (state, row) => {
          const tick = u64Of(block, 'tick_size_digits')[row];
          return `${STATES[state]} ${tick}e-${u32Of(block, 'scales')[row] & 0xff}`;
        }),
      );
  const becomes = (symbol: string, ...rows: readonly string[]) =>
    until(`${symbol}: ${rows}`, () => {
      assert.deepEqual(history(symbol), rows);
      return true;
    });

  // not listed yet
  await simulator.fault({ kind: 'delist', symbol: 'SOL-USD' });
  let logger = startLoggerProcess(options, simulator);
  await becomes('BTC-USD', 'trading 1e-2');
  await becomes('DOGE-USD', 'trading 1e-6');
  await simulator.fault({ kind: 'tick', symbol: 'BTC-USD' });
  await becomes('BTC-USD', 'trading 1e-2', 'trading 1e-3');
  await simulator.fault({ kind: 'halt', symbol: 'ETH-USD' });
  await becomes('ETH-USD', 'trading 1e-2', 'halted 1e-2');
  await simulator.fault({ kind: 'resume', symbol: 'ETH-USD' });
  await becomes('ETH-USD', 'trading 1e-2', 'halted 1e-2', 'trading 1e-2');
  await simulator.fault({ kind: 'list', symbol: 'SOL-USD' });
  await becomes('SOL-USD', 'trading 1e-3');
  await simulator.fault({ kind: 'delist', symbol: 'DOGE-USD' });
  await becomes('DOGE-USD', 'trading 1e-6', 'unlisted 0e-0');
  await logger.kill();

  // what happens while nobody looks, and a symbol that is not captured any more
  await simulator.fault({ kind: 'delist', symbol: 'SOL-USD' });
  await simulator.fault({ kind: 'halt', symbol: 'ETH-USD' });
  logger = startLoggerProcess(
    { ...options, exchangeLines: { coinbase: ['symbols = ["BTC-USD"]'] } },
    simulator,
  );
  await becomes('SOL-USD', 'trading 1e-3', 'unlisted 0e-0');
  await becomes('ETH-USD', 'trading 1e-2', 'halted 1e-2', 'trading 1e-2', 'halted 1e-2');
  assert.equal(await logger.stop(), 0, logger.stderr());

  assert.deepEqual(history('BTC-USD'), ['trading 1e-2', 'trading 1e-3']);
  assert.deepEqual(history('XRP-USD'), [], 'it was never captured');
  const flags = ['--data', data, '--format', 'csv', '--columns', 'state,tick_size,lot_size'];
  const symbol = ['coinbase', 'BTC-USD', 'INSTRUMENTS'];
  const { text } = await runProgram('dist/src/cli.js', 'read', ...symbol, ...flags);
  assert.equal(text, 'state,tick_size,lot_size\ntrading,0.01,0.00000001\ntrading,0.001,0.00000001\n');
  assert.equal(await verifyProblems(data), '');
});
