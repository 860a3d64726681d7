/** Disks that fill up, refuse or go away, as small tmpfs mounts (for which one must be root). */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import { compareLedger, formatComparison } from '../../src/simulator/compare/compare.js';
import {
  afterProcesses,
  type LoggerProcess,
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
  verifyProblems,
} from '../support/processes.js';

function mount(path: string, ...options: string[]): boolean {
  mkdirSync(path, { recursive: true });
  const done = spawnSync('mount', ['-t', 'tmpfs', '-o', options.join(), 'tmpfs', path]).status === 0;
  if (done) afterProcesses(() => spawnSync('umount', ['-l', path]));
  return done;
}

const probe = temporaryFolder('mount');
const skip = process.getuid?.() === 0 && mount(probe, 'size=1m') ? false : 'cannot mount a tmpfs';

/** Takes all the room that is left. */
function fill(ballast: string): void {
  const fd = openSync(ballast, 'w');
  try {
    for (;;) writeSync(fd, new Uint8Array(4096));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  } finally {
    closeSync(fd);
  }
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

async function messages(logger: LoggerProcess): Promise<number> {
  const { exchanges } = await logger.health();
  return sum(
    Object.values(exchanges).flatMap(({ connections }) => connections.map((shard) => shard.messages)),
  );
}

test('a full disk: red at once, capture goes on, nothing torn, and it resumes by itself', {
  skip,
}, async () => {
  const folder = temporaryFolder('full');
  const dataPath = join(folder, 'disk');
  mount(dataPath, 'size=24m');
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), ['--symbols', '6', '--rate', '1000']);
  const logger = startLoggerProcess({ folder, dataPath }, simulator);
  await logger.ready();
  await until('rows are written', async () => (await logger.health()).writer.rows_written > 1000);
  const ballast = join(dataPath, 'ballast');
  for (let cycle = 0; cycle < 3; cycle++) {
    fill(ballast);
    const red = await until('it is red', async () => {
      const health = await logger.health();
      return health.status === 'unhealthy' && health.disk?.free_bytes === 0 ? health : undefined;
    });
    assert.ok(red.reasons.includes('the disk is full'), red.reasons.join());
    const before = await messages(logger);
    await until('capture goes on', async () => (await messages(logger)) > before + 2000);
    const { exchanges } = await logger.health();
    const fills = Object.values(exchanges).flatMap((e) => e.connections.map((c) => c.ring_fill));
    assert.ok(Math.max(...fills) > 0.01, 'what cannot be written waits in the rings');
    rmSync(ballast);
    await until('it is green', async () => {
      const { status, writer } = await logger.health();
      return status === 'healthy' && writer.rows_waiting < 2500;
    });
  }
  assert.equal(await logger.stop(), EXIT.ok);
  await simulator.stop();
  const comparison = compareLedger(simulator.ledger, dataPath);
  assert.ok(comparison.ok, formatComparison(comparison));
  assert.equal(sum(comparison.channels.map(({ listed }) => listed)), 0);
  assert.equal(await verifyProblems(dataPath), '');
});

test('a disk that is full for too long: what could not be kept is in GAPS', { skip }, async () => {
  const folder = temporaryFolder('long');
  const dataPath = join(folder, 'disk');
  mount(dataPath, 'size=64m');
  const flags = ['--symbols', '2', '--rate', '30000'];
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), flags, 'binance');
  // with little room in memory the ring is full after seconds
  const logger = startLoggerProcess({ folder, dataPath, bufferSize: 64 }, simulator);
  await logger.ready();
  await until('rows are written', async () => (await logger.health()).writer.rows_written > 1000);
  fill(join(dataPath, 'ballast'));
  await until(
    'messages are dropped',
    async () => (await logger.health()).exchanges.binance.messages_dropped > 0,
  );
  rmSync(join(dataPath, 'ballast'));
  await until('gaps are listed', async () => (await logger.health()).exchanges.binance.gaps > 0);
  const { rows_written } = (await logger.health()).writer;
  await until(
    'rows are written again',
    async () => (await logger.health()).writer.rows_written > rows_written + 50_000,
  );
  assert.equal(await logger.stop(), EXIT.ok);
  await simulator.stop();
  const comparison = compareLedger(simulator.ledger, dataPath);
  assert.ok(comparison.ok, formatComparison(comparison));
  assert.ok(sum(comparison.channels.map(({ listed }) => listed)) > 0);
  assert.equal(await verifyProblems(dataPath), '');
});

test('a read-only disk is refused with a reason, and the next start works once it is writable', {
  skip,
}, async () => {
  const folder = temporaryFolder('readonly');
  const dataPath = join(folder, 'disk');
  mount(dataPath, 'size=24m', 'ro');
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), ['--symbols', '2', '--rate', '200']);
  const refused = startLoggerProcess({ folder, dataPath }, simulator);
  assert.equal((await refused.exited).code, EXIT.ioError);
  assert.match(refused.stderr(), /^logger: cannot write to .*; check that it is mounted, writable/);
  assert.equal(spawnSync('mount', ['-o', 'remount,rw', dataPath]).status, 0);
  const logger = startLoggerProcess({ folder, dataPath }, simulator);
  await until('rows are written', async () => (await logger.health()).writer.rows_written > 500);
  assert.equal(await logger.stop(), EXIT.ok);
  await simulator.stop();
  const comparison = compareLedger(simulator.ledger, dataPath);
  assert.ok(comparison.ok, formatComparison(comparison));
});
