/** Midnight UTC while data flows, and steps of the system clock; the clocks of both processes are faked. */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import { MD, TRADES } from '../../src/schema/tables.js';
import { compareLedger, formatComparison } from '../../src/simulator/compare/compare.js';
import { listTableDays, readColumns, u32Of } from '../../src/store/read/reader.js';
import {
  FAKETIME,
  fakeClock,
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
  verifyProblems,
} from '../support/processes.js';

const skip = FAKETIME === undefined ? 'libfaketime is not installed' : false;
const DAY_SECS = 86_400;
/** How long before midnight the processes start. */
const AHEAD_SECS = 7;

/** Every row of a table in a day's files happened on that day. */
function checkDays(data: string): number[] {
  const days = new Set<number>();
  for (const table of [MD, TRADES]) {
    for (const tableDay of listTableDays(data, { table: table.name })) {
      const [column] = table.time;
      const times = u32Of(readColumns(tableDay, [column]), column);
      for (const time of times) assert.equal(Math.floor(time / DAY_SECS), tableDay.day);
      if (times.length > 0) days.add(tableDay.day);
    }
  }
  return [...days].sort();
}

test('midnight: each row in the file of its own day, whose files were there before', { skip }, async () => {
  const folder = temporaryFolder('midnight');
  const untilMidnight = DAY_SECS - ((Date.now() / 1000) % DAY_SECS);
  const offset = Math.floor(untilMidnight - AHEAD_SECS);
  const env = fakeClock({ FAKETIME: `+${offset}s` });
  const today = Math.floor((Date.now() / 1000 + offset) / DAY_SECS);
  const simulator = await startSimulatorProcess(
    join(folder, 'ledger'),
    ['--symbols', '6', '--rate', '500'],
    undefined,
    env,
  );
  const logger = startLoggerProcess({ folder, env }, simulator);
  await logger.ready();
  const data = join(folder, 'data');
  const tradeDays = () => listTableDays(data, { table: TRADES.name }).map(({ day, rows }) => ({ day, rows }));
  const prepared = await until('files of tomorrow', () => tradeDays().find(({ day }) => day === today + 1));
  assert.equal(prepared.rows, 0, 'midnight came before the files were looked for');
  await until('rows of tomorrow', () => tradeDays().some(({ day, rows }) => day === today + 1 && rows > 100));
  assert.equal(await logger.stop(), EXIT.ok);
  await simulator.stop();
  assert.deepEqual(checkDays(data), [today, today + 1]);
  const comparison = compareLedger(simulator.ledger, data);
  assert.ok(comparison.ok, formatComparison(comparison));
  assert.equal(await verifyProblems(data), '');
});

test('steps of the clock: stamps follow, connections and timers do not notice', { skip }, async () => {
  const folder = temporaryFolder('steps');
  const steps = ['+0s', '+3600s', '+0s', '-3600s', '+86400s', '-86400s', '+0s'];
  const file = join(folder, 'offset');
  writeFileSync(file, steps[0]);
  // the exchange keeps the true time, only our own clock is wrong
  const simulator = await startSimulatorProcess(join(folder, 'ledger'), ['--symbols', '4', '--rate', '500']);
  const env = fakeClock({ FAKETIME_TIMESTAMP_FILE: file });
  const logger = startLoggerProcess({ folder, env }, simulator);
  await logger.ready();
  for (const step of steps) {
    const { rows_written } = (await logger.health()).writer;
    writeFileSync(file, step);
    await until(
      `rows at ${step}`,
      async () => (await logger.health()).writer.rows_written > rows_written + 1000,
    );
  }
  const { exchanges } = await logger.health();
  for (const { connections, gaps } of Object.values(exchanges)) {
    assert.deepEqual(
      connections.map(({ state, restarts }) => `${state} ${restarts}`),
      ['ACTIVE 0'],
    );
    assert.equal(gaps, 0);
  }
  assert.equal(await logger.stop(), EXIT.ok);
  await simulator.stop();
  const data = join(folder, 'data');
  const offsets = new Set<number>();
  for (const tableDay of listTableDays(data, { table: TRADES.name })) {
    const block = readColumns(tableDay, ['recv_time', 'trade_time']);
    const received = u32Of(block, 'recv_time');
    u32Of(block, 'trade_time').forEach((time, i) => {
      offsets.add(Math.round((received[i] - time) / 3600));
    });
  }
  assert.deepEqual(
    [...offsets].sort((a, b) => a - b),
    [-24, -1, 0, 1, 24],
  );
  assert.ok(readdirSync(data).length > 0);
  const comparison = compareLedger(simulator.ledger, data);
  for (const channel of comparison.channels) {
    const { missing, repeated, different } = channel;
    assert.deepEqual(
      { missing, repeated, different },
      { missing: 0, repeated: 0, different: 0 },
      formatComparison(comparison),
    );
  }
});
