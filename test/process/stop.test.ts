/** SIGTERM under load: everything received is written, within the time that a service manager grants. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import { compareLedger, formatComparison } from '../../src/simulator/compare/compare.js';
import { FAULTS, SABOTEUR, sabotage } from '../support/faults.js';
import {
  startLoggerLine,
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
} from '../support/processes.js';

const STOP_MS_MAX = 8000;
const STOPS = 3;

test('SIGTERM at full load: status 0, nothing lost, every time', async () => {
  const folder = temporaryFolder('stop');
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), [
    '--symbols',
    '20',
    '--rate',
    '10000',
  ]);
  for (let stop = 0; stop < STOPS; stop++) {
    const logger = startLoggerProcess({ folder, flushSecs: 5 }, simulator);
    await logger.ready();
    // most of what was received waits for its flush
    await until('rows wait', async () => (await logger.health()).writer.rows_waiting > 10_000);
    const asked = performance.now();
    assert.equal(await logger.stop(), EXIT.ok, logger.stderr());
    assert.ok(performance.now() - asked < STOP_MS_MAX);
    assert.equal(logger.lines.at(-1)?.rows_lost, 0);
  }
  await simulator.stop();
  const comparison = compareLedger(simulator.ledger, join(folder, 'data'));
  assert.ok(comparison.ok, formatComparison(comparison));
});

test('a second SIGTERM ends what does not stop', async () => {
  const folder = temporaryFolder('stop');
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), ['--symbols', '2', '--rate', '100']);
  const logger = startLoggerProcess({ folder, preload: SABOTEUR }, simulator);
  await logger.ready();
  sabotage(logger, 'writer', FAULTS.hangs);
  logger.child.kill('SIGTERM');
  await logger.logged(/^stopping/);
  logger.child.kill('SIGTERM');
  assert.deepEqual(await logger.exited, { code: EXIT.failed, signal: null });
});

/** An exchange that is asked for its symbols and never answers. */
async function muteExchange(): Promise<{ url: string; asked: () => boolean; close: () => void }> {
  let asked = false;
  const server = createServer(() => {
    asked = true;
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, asked: () => asked, close: () => void server.close().closeAllConnections() };
}

test('a start that fails ends at once with its status, and one that waits at the first SIGTERM', async () => {
  const folder = temporaryFolder('start');
  const exchange = await muteExchange();
  const config = join(folder, 'logger.toml');
  writeFileSync(
    config,
    `[logger]\ndata_path = ${JSON.stringify(join(folder, 'data'))}\n[http]\nport = 0\n[exchanges.coinbase]\nenabled = false\n[exchanges.binance]\nenabled = true\nsymbols = "all"\nrest_endpoint = "${exchange.url}"\n`,
  );
  const start = () =>
    startLoggerLine([
      process.execPath,
      resolve('dist/src/cli.js'),
      'run',
      '--config',
      config,
      '--seconds',
      '600',
    ]);
  const ended = async ({ exited }: ReturnType<typeof start>) => {
    let status: Awaited<typeof exited> | undefined;
    void exited.then((value) => (status = value));
    return await until('it has ended', () => status);
  };
  const waiting = start();
  await until('it asks the exchange', exchange.asked);
  const second = start();
  assert.deepEqual(await ended(second), { code: EXIT.locked, signal: null }, second.stderr());
  waiting.child.kill('SIGTERM');
  assert.deepEqual(await ended(waiting), { code: EXIT.ok, signal: null }, waiting.stderr());
  exchange.close();
});
