/** Days that were closed while no logger ran get their checksums after the next start; the clocks are faked. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import { listTableDays } from '../../src/store/read/reader.js';
import { verifyTableDay } from '../../src/store/verify/table_day.js';
import {
  FAKETIME,
  fakeClock,
  type LoggerProcess,
  startLoggerProcess,
  startSimulatorProcess,
  temporaryFolder,
  until,
} from '../support/processes.js';

const skip = FAKETIME === undefined ? 'libfaketime is not installed' : false;

/** One run from start to stop, which sees what it waits for. */
async function capture(
  folder: string,
  env: Readonly<Record<string, string>>,
  seen: (logger: LoggerProcess) => Promise<unknown>,
): Promise<void> {
  const simulator = await startSimulatorProcess(
    join(folder, `ledger${env['FAKETIME'] ?? ''}`),
    ['--symbols', '3', '--rate', '300'],
    undefined,
    env,
  );
  const logger = startLoggerProcess({ folder, env }, simulator);
  await logger.ready();
  await seen(logger);
  assert.equal(await logger.stop(), EXIT.ok);
  await simulator.stop();
}

for (const [name, journal] of [
  ['with a journal', 'true'],
  ['without one', 'false'],
] as const)
  test(`a day that ended while nothing ran is sealed after the next start, ${name}`, { skip }, async () => {
    const env = { LOGGER__JOURNAL__ENABLED: journal };
    const folder = temporaryFolder('sealing');
    const data = join(folder, 'data');
    await capture(folder, { ...env, ...fakeClock({ FAKETIME: '-172800s' }) }, (logger) =>
      until('rows', async () => (await logger.health()).writer.rows_written > 500),
    );
    const closed = listTableDays(data).filter(({ rows }) => rows > 0);
    assert.ok(closed.length > 0);
    const seals = ({ directory }: { directory: string }) =>
      readdirSync(directory).filter((name) => name.startsWith('checksums.')).length;
    assert.ok(closed.every((tableDay) => seals(tableDay) === 0));
    await capture(folder, env, (logger) =>
      until(
        'everything is sealed',
        async () => {
          const { checksums } = await logger.health();
          return checksums.passes > 0 && checksums.table_days_sealed === closed.length;
        },
        120,
      ),
    );
    assert.ok(closed.every((tableDay) => seals(tableDay) === 1));
    for (const { table, ...place } of closed) {
      const { problems, seal, lateRows } = await verifyTableDay({ ...place, table: table.name });
      assert.deepEqual([problems.told, seal, lateRows], [[], 'sealed', 0]);
    }
    const stamps = new Set(listTableDays(data).map(({ day }) => day));
    assert.ok(stamps.size > 1, 'there is a day that is not over');
  });
