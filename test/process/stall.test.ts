/**
 * A disk that does not answer for a while, and one that refuses by quota, through real system calls: a frozen file
 * system (for which one must be root), and errors that strace puts in the place of the kernel's answer.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import { GAP_CAUSES } from '../../src/schema/tables.js';
import { compareLedger, formatComparison } from '../../src/simulator/compare/compare.js';
import { readGaps } from '../../src/store/read/listings.js';
import { listTableDays } from '../../src/store/read/reader.js';
import { mountImage, runs } from '../support/mounts.js';
import {
  type LoggerProcess,
  type SimulatorProcess,
  sleep,
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
  verifyProblems,
} from '../support/processes.js';

const STALL_MS = 10_000;

const probe = temporaryFolder('probe');
const noFreeze =
  process.getuid?.() === 0 &&
  mountImage(probe, join(probe, 'disk')) &&
  runs('fsfreeze', '-f', join(probe, 'disk')) &&
  runs('fsfreeze', '-u', join(probe, 'disk'))
    ? false
    : 'a file system cannot be mounted and frozen here';
const noStrace = runs('strace', '-V') ? false : 'strace is not installed';

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

async function messages(logger: LoggerProcess): Promise<number> {
  const { exchanges } = await logger.health();
  return sum(Object.values(exchanges).flatMap((e) => e.connections.map((shard) => shard.messages)));
}

async function writes(logger: LoggerProcess): Promise<void> {
  const { rows_written } = (await logger.health()).writer;
  await until(
    'rows are written',
    async () => (await logger.health()).writer.rows_written > rows_written + 1000,
  );
}

/** Stops everything and compares; answers how many events GAPS lists. */
async function judge(logger: LoggerProcess, simulator: SimulatorProcess, dataPath: string): Promise<number> {
  assert.equal(await logger.stop(), EXIT.ok, logger.stderr());
  await simulator.stop();
  const comparison = compareLedger(simulator.ledger, dataPath);
  assert.ok(comparison.ok, formatComparison(comparison));
  assert.equal(await verifyProblems(dataPath), '');
  return sum(comparison.channels.map(({ listed }) => listed));
}

/** What the next sample must show; the samples come five times a second. */
const isStalled = async (logger: LoggerProcess) =>
  (await logger.health()).reasons.some((reason) => reason.startsWith('the disk does not answer'));

test('a disk that stalls for 10 s: red, capture goes on, and it resumes by itself', {
  skip: noFreeze,
}, async () => {
  const folder = temporaryFolder('stall');
  const disk = join(folder, 'disk');
  const dataPath = join(disk, 'data');
  assert.ok(mountImage(folder, disk));
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), ['--symbols', '6', '--rate', '1000']);
  const logger = startLoggerProcess({ folder, dataPath }, simulator);
  await logger.ready();
  await writes(logger);
  execFileSync('fsfreeze', ['-f', disk]);
  const thaw = sleep(STALL_MS).then(() => execFileSync('fsfreeze', ['-u', disk]));
  await until('it is red', async () => isStalled(logger), STALL_MS / 1000);
  const before = await messages(logger);
  await until('capture goes on', async () => (await messages(logger)) > before + 2000);
  await thaw;
  await until('it is in order again', async () => (await logger.health()).status === 'healthy');
  await writes(logger);
  assert.equal(await judge(logger, simulator, dataPath), 0, 'everything waited in the rings');
});

test('a disk that stalls while the rings are full: what could not be kept is in GAPS with its cause', {
  skip: noFreeze,
}, async () => {
  const folder = temporaryFolder('stall');
  const disk = join(folder, 'disk');
  const dataPath = join(disk, 'data');
  assert.ok(mountImage(folder, disk));
  const flags = ['--symbols', '2', '--rate', '30000'];
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), flags, 'binance');
  const logger = startLoggerProcess({ folder, dataPath }, simulator);
  await logger.ready();
  await writes(logger);
  execFileSync('fsfreeze', ['-f', disk]);
  await until('it is red', async () => isStalled(logger));
  await until(
    'messages are dropped',
    async () => (await logger.health()).exchanges.binance.messages_dropped > 0,
  );
  execFileSync('fsfreeze', ['-u', disk]);
  await until('gaps are listed', async () => (await logger.health()).exchanges.binance.gaps > 0);
  await writes(logger);
  assert.ok((await judge(logger, simulator, dataPath)) > 0);
  const causes = listTableDays(dataPath, { table: 'GAPS' }).flatMap((day) =>
    [...readGaps(day)].map(({ cause }) => cause),
  );
  assert.ok(causes.length > 0 && causes.every((cause) => cause === GAP_CAUSES.disk.id), causes.join());
});

test('a sync of the journal that takes seconds: red, but rows go on reaching their files', {
  skip: noStrace,
}, async () => {
  const folder = temporaryFolder('sync');
  const dataPath = join(folder, 'data');
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), ['--symbols', '6', '--rate', '500']);
  const logger = startLoggerProcess({ folder, dataPath }, simulator);
  await logger.ready();
  await writes(logger);
  const inject = `inject=fdatasync:delay_enter=${STALL_MS * 1000}`;
  const flags = ['-f', '-qqq', '-p', String(logger.child.pid), '-e', 'trace=fdatasync', '-e', inject];
  const strace = spawn('strace', flags, { stdio: 'ignore' });
  const ended = once(strace, 'exit');
  try {
    let written = 0;
    await until('rows reach their files while it is red', async () => {
      const { reasons, writer } = await logger.health();
      const red = reasons.some((reason) => reason.includes('a sync of the journal has been running'));
      if (!red) written = 0;
      else if (written === 0) written = writer.rows_written;
      return red && writer.rows_written > written + 1000;
    });
  } finally {
    strace.kill('SIGINT');
    await ended;
  }
  await until('it is in order again', async () => (await logger.health()).status === 'healthy');
  assert.equal(await judge(logger, simulator, dataPath), 0, 'nothing was lost');
});

test('a quota that is used up: red at once, capture goes on, nothing torn, and it resumes by itself', {
  skip: noStrace,
}, async () => {
  const folder = temporaryFolder('quota');
  const dataPath = join(folder, 'data');
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), ['--symbols', '6', '--rate', '500']);
  const logger = startLoggerProcess({ folder, dataPath }, simulator);
  await logger.ready();
  await writes(logger);
  // the writer alone writes at positions
  const inject = 'inject=pwrite64:error=EDQUOT';
  const flags = ['-f', '-qqq', '-p', String(logger.child.pid), '-e', 'trace=pwrite64', '-e', inject];
  const strace = spawn('strace', flags, { stdio: 'ignore' });
  const ended = once(strace, 'exit');
  try {
    const { msg } = await logger.logged(/^(journal|columns): cannot write/);
    assert.match(msg, /EDQUOT/);
    await until('it is red', async () => (await logger.health()).reasons.includes('the disk refuses writes'));
    const before = await messages(logger);
    await until('capture goes on', async () => (await messages(logger)) > before + 2000);
  } finally {
    strace.kill('SIGINT');
    await ended;
  }
  await until('it is in order again', async () => (await logger.health()).status === 'healthy');
  await writes(logger);
  assert.equal(await judge(logger, simulator, dataPath), 0, 'everything waited in the rings');
});
