import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { GAPS, INSTRUMENTS, MD, TRADES } from '../../../src/schema/tables.js';
import { DiskIo } from '../../../src/store/disk/io.js';
import { columnFile } from '../../../src/store/disk/paths.js';
import { NextDayFiles, PREPARE_SECS } from '../../../src/store/writer/day_files.js';
import { temporaryFolder } from '../../support/processes.js';

const DAY = 20_000;
const MIDNIGHT_MS = (DAY + 1) * 86_400_000;

function tableDays(folder: string) {
  return [MD, TRADES, GAPS, INSTRUMENTS].flatMap((table) =>
    [DAY - 1, DAY].map((day) => ({
      key: { table, day, exchange: 'x', directory: 'A', ring: 0, folder: join(folder, table.name) },
    })),
  );
}

test('files of the next day come in the last minutes, a few per turn, for tables that have rows today', () => {
  const folder = temporaryFolder('tomorrow');
  const tomorrow = new NextDayFiles(new DiskIo(), false);
  tomorrow.doWork(MIDNIGHT_MS - PREPARE_SECS * 1000 - 1000, tableDays(folder));
  assert.deepEqual(readdirSync(folder), []);
  const count = () =>
    readdirSync(folder, { recursive: true }).filter((name) => String(name).endsWith('.bin')).length;
  let [turns, before] = [0, -1];
  while (count() > before) {
    before = count();
    tomorrow.doWork(MIDNIGHT_MS - PREPARE_SECS * 1000 + ++turns * 100, tableDays(folder));
    assert.ok(count() - before <= 20);
  }
  assert.ok(turns > 2);
  for (const table of [MD, TRADES]) {
    const wanted = table.columns
      .filter((c) => !c.exact && c.own !== true)
      .map((c) => columnFile(c.name, DAY + 1));
    assert.deepEqual(readdirSync(join(folder, table.name)).sort(), wanted.sort());
  }
  for (const { name } of [GAPS, INSTRUMENTS]) assert.equal(existsSync(join(folder, name)), false, name);
});

test('a file that is there keeps its bytes', () => {
  const folder = temporaryFolder('tomorrow');
  const io = new DiskIo();
  const path = join(folder, TRADES.name, columnFile('trade_id', DAY + 1));
  io.makeFolder(join(folder, TRADES.name));
  writeFileSync(path, 'early row');
  const tomorrow = new NextDayFiles(io, true);
  for (let turn = 0; turn < 10; turn++) tomorrow.doWork(MIDNIGHT_MS - 1000, tableDays(folder));
  assert.equal(readFileSync(path, 'utf8'), 'early row');
});
