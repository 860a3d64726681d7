/** Checksum files: what they say is what zlib and Python say, what they miss is told, and no crash leaves a wrong one. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SEAL_GRACE_SECS } from '../../../src/base/limits.js';
import { CounterReader, createCounters } from '../../../src/counters/counters.js';
import { SEALER_COUNTERS } from '../../../src/counters/declarations.js';
import { GAPS } from '../../../src/schema/tables.js';
import { DiskIo, type StoreIo } from '../../../src/store/disk/io.js';
import { compareWithSeal, newestClosedDay, readSeal } from '../../../src/store/seal/file.js';
import { Sealer } from '../../../src/store/seal/sealer.js';
import { type TableDayReport, verifyTableDay } from '../../../src/store/verify/table_day.js';
import { FAULTY_CALLS, FaultyIo } from '../../support/faulty_io.js';
import { Random } from '../../support/random.js';
import { SimulatedDisk } from '../../support/simulated_disk.js';
import { judgeSeals } from '../../support/store_sealer.js';
import { DATA, STREAMS } from '../../support/store_world.js';
import { DAY_START, dataDirectory, type Row, STAMP, trade, writeTableDay } from '../column_writer.js';

const DAY = DAY_START / 86_400;
const SEAL = `checksums.${STAMP}.json`;
const LITERALS = `literals.${STAMP}.jsonl`;

/** A sealer for which everything is covered at once. */
class Pass {
  readonly logged: string[] = [];
  private readonly memory = createCounters(SEALER_COUNTERS);
  private readonly sealer: Sealer;
  private readonly reader = new CounterReader(SEALER_COUNTERS, this.memory);
  asked = 0;

  constructor(
    dataPath: string,
    io: StoreIo = new DiskIo(),
    /** what the writer does before everything is covered */
    private readonly written: () => void = () => undefined,
  ) {
    const log = (_level: string, text: string) => this.logged.push(text);
    this.sealer = new Sealer(io, { dataPath, counters: new Uint32Array(this.memory), log });
  }

  run(first = 0, last = DAY): ReturnType<Pass['counters']> {
    for (const step of this.sealer.pass(first, last)) {
      if (step !== 'covered') continue;
      this.asked++;
      this.written();
    }
    return this.counters();
  }

  counters() {
    return this.reader.read();
  }
}

function verify(directory: string, table = 'TRADES'): Promise<TableDayReport> {
  // files that nobody is writing any more
  for (const file of readdirSync(directory)) utimesSync(join(directory, file), 1, 1);
  return verifyTableDay({ exchange: 'coinbase', symbol: 'BTC-USD', directory, table, day: DAY });
}

const told = ({ problems }: TableDayReport) =>
  problems.told.filter(({ check }) => check === 'checksums').map(({ text }) => text);

const SIDECAR: Row = { trade_price: -1.5, price_digits: 0, flags: 1 << 7 };
const trades = [trade(1), trade(2, '1', '1', SIDECAR), trade(3)];

function writeTrades(root: string, rows: readonly Row[] = trades): string {
  const directory = writeTableDay(root, { table: 'TRADES' }, rows);
  writeFileSync(join(directory, LITERALS), '{"row":1,"column":"trade_price","text":"-1.50"}\n');
  return directory;
}

function flip(file: string, bit: number): void {
  const bytes = readFileSync(file);
  bytes[bit >> 3]! ^= 1 << (bit & 7);
  writeFileSync(file, bytes);
}

test('a day is closed an hour after it has ended', () => {
  const end = (DAY + 1) * 86_400_000 + SEAL_GRACE_SECS * 1000;
  assert.deepEqual([end - 1, end].map(newestClosedDay), [DAY - 1, DAY]);
});

test('a bit that flips in any file of a sealed day is found, and the file is named', async (t) => {
  const root = dataDirectory(t);
  const directory = writeTrades(root);
  const files = readdirSync(directory);
  assert.equal(files.length, 15);
  assert.deepEqual(new Pass(root).run(), { passes: 1, sealed: 1, failures: 0, waiting: 0, damaged: 0 });
  const clean = await verify(directory);
  assert.deepEqual([clean.problems.count, clean.seal, clean.lateRows], [0, 'sealed', 0]);
  for (const [i, file] of files.entries()) {
    flip(join(directory, file), 8 + i);
    const found = told(await verify(directory));
    assert.equal(found.length, 1);
    assert.match(found[0]!, new RegExp(`^${file} is damaged: .*CRC-32`));
    flip(join(directory, file), 8 + i);
  }
  assert.equal((await verify(directory)).problems.count, 0);
});

test('files that are short, gone or of another kind are named', async (t) => {
  const root = dataDirectory(t);
  const damages: [(directory: string) => void, RegExp][] = [
    [(d) => truncateSync(join(d, `flags.${STAMP}.bin`), 8), /^flags\.\S+ has 8 bytes where 12 are sealed$/],
    [(d) => rmSync(join(d, `scales.${STAMP}.bin`)), /^scales\.\S+ is missing, sealed are 12 bytes$/],
    [(d) => rmSync(join(d, LITERALS)), /^literals\.\S+ is missing/],
    [(d) => truncateSync(join(d, SEAL), 40), /cannot be used: .*JSON/],
  ];
  for (const [damage, words] of damages) {
    const directory = writeTrades(root);
    rmSync(join(directory, SEAL), { force: true });
    new Pass(root).run();
    damage(directory);
    const found = told(await verify(directory));
    assert.equal(found.length, 1, JSON.stringify(found));
    assert.match(found[0]!, words);
  }
  const directory = writeTableDay(root, { table: 'TRADES', without: ['scales'] }, trades);
  rmSync(join(directory, `scales.${STAMP}.bin`), { force: true });
  rmSync(join(directory, SEAL));
  new Pass(root).run();
  writeTableDay(root, { table: 'TRADES' }, trades);
  assert.deepEqual(told(await verify(directory)), [
    `scales.${STAMP}.bin is not among the files that were sealed`,
  ]);
  for (const file of readdirSync(directory)) if (file !== SEAL) rmSync(join(directory, file));
  assert.equal(told(await verify(directory)).length, 14, 'a day of which only the checksum file is left');
});

test('no bit of a checksum file can flip without being noticed or meaning the same', (t) => {
  const root = dataDirectory(t);
  const folder = writeTableDay(root, { table: 'GAPS' }, [{ table: 2, cause: 1, to_id: 2, time: DAY_START }]);
  new Pass(root).run();
  const io = new DiskIo();
  const place = { folder, table: GAPS, day: DAY };
  const file = join(folder, SEAL);
  const clean = readFileSync(file);
  const meant = readSeal(io, place);
  for (let bit = 0; bit < clean.length * 8; bit++) {
    flip(file, bit);
    const seal = readSeal(io, place);
    if (typeof seal === 'object' && compareWithSeal(io, place, seal).length === 0)
      assert.deepEqual(seal, meant, `bit ${bit}`);
    else assert.ok(seal !== undefined);
    writeFileSync(file, clean);
  }
});

test('late rows are no damage, wait, and are sealed by the next pass', async (t) => {
  const root = dataDirectory(t);
  const directory = writeTrades(root);
  const pass = new Pass(root);
  pass.run();
  assert.equal(pass.run().sealed, 1, 'nothing new, nothing to do');
  assert.equal(pass.asked, 1, 'and nothing to ask the writer');
  const sealed = readFileSync(join(directory, SEAL));
  writeTrades(root, [...trades, trade(4, '2', '2', SIDECAR)]);
  appendFileSync(join(directory, LITERALS), '{"row":3,"column":"trade_price","text":"-1.5"}\n');
  const late = await verify(directory);
  assert.deepEqual([told(late), late.lateRows, late.seal], [[], 1, 'sealed']);
  appendFileSync(join(directory, `flags.${STAMP}.bin`), Buffer.alloc(2));
  assert.deepEqual(
    pass.run(),
    { passes: 3, sealed: 1, failures: 0, waiting: 1, damaged: 1 },
    'bytes that belong to no row, and stay when everything is written',
  );
  truncateSync(join(directory, `flags.${STAMP}.bin`), 16);
  assert.deepEqual(pass.run(), { passes: 4, sealed: 2, failures: 0, waiting: 0, damaged: 0 });
  assert.notDeepEqual(readFileSync(join(directory, SEAL)), sealed);
  assert.deepEqual([(await verify(directory)).lateRows, told(await verify(directory))], [0, []]);
});

test('a column that is missing is damage that is told, not a day that began without it', (t) => {
  for (const damage of [rmSync, (file: string) => truncateSync(file)]) {
    const root = dataDirectory(t);
    const directory = writeTrades(root);
    damage(join(directory, `trade_price.${STAMP}.bin`));
    const pass = new Pass(root);
    for (let again = 0; again < 2; again++)
      assert.deepEqual([pass.run().damaged, pass.counters().sealed], [1, 0]);
    assert.deepEqual(pass.logged.length, 1, 'told once');
    assert.match(pass.logged[0]!, /trade_price\S+ is missing or empty where others have 3 rows/);
    assert.ok(!readdirSync(directory).includes(SEAL));
  }
});

test('columns that are being written do not agree for a moment, and are no damage', (t) => {
  const root = dataDirectory(t);
  const file = join(writeTrades(root), `flags.${STAMP}.bin`);
  truncateSync(file, 8);
  const sizes = [10, 12];
  const pass = new Pass(root, undefined, () => truncateSync(file, sizes.shift()));
  for (const passes of [1, 2])
    assert.deepEqual(pass.run(), { passes, sealed: 0, failures: 0, waiting: 1, damaged: 0 });
  sizes.push(12);
  assert.deepEqual(pass.run(), { passes: 3, sealed: 1, failures: 0, waiting: 0, damaged: 0 });
});

test('rows that come late to damaged ones do not seal the damage', async (t) => {
  const root = dataDirectory(t);
  const directory = writeTrades(root);
  const pass = new Pass(root);
  pass.run();
  writeTrades(root, [...trades, trade(4)]);
  flip(join(directory, `trade_id.${STAMP}.bin`), 70);
  const sealed = readFileSync(join(directory, SEAL));
  for (let again = 0; again < 2; again++) assert.equal(pass.run().damaged, 1);
  assert.equal(pass.logged.length, 1, 'told once');
  assert.match(pass.logged[0]!, /checksums.*: trade_id\S+ is damaged/);
  assert.deepEqual(readFileSync(join(directory, SEAL)), sealed);
  assert.match(told(await verify(directory))[0]!, /^trade_id/);
  flip(join(directory, `trade_id.${STAMP}.bin`), 70);
  const { damaged, waiting } = pass.run();
  assert.deepEqual([damaged, waiting, told(await verify(directory))], [0, 0, []]);
});

test('only closed days with rows are sealed; others are told as due when their time has come', async (t) => {
  const root = dataDirectory(t);
  const directory = writeTrades(root);
  writeTableDay(root, { table: 'MD' }, []);
  writeFileSync(join(root, 'coinbase', `rejected.${STAMP}.jsonl`), '{}\n');
  writeFileSync(join(root, 'notes.txt'), 'not an exchange');
  assert.equal(new Pass(root).run(0, DAY - 1).sealed, 0);
  const old = writeTableDay(root, { table: 'TRADES', symbol: 'OLD', stamp: '01.01.20' }, [trade(1)]);
  const request = { exchange: 'coinbase', symbol: 'OLD', directory: old, table: 'TRADES', day: 18_262 };
  assert.equal((await verifyTableDay(request)).seal, 'due');
  assert.equal(new Pass(root).run().sealed, 2);
  assert.equal((await verifyTableDay(request)).seal, 'sealed');
  assert.ok(!existsSync(join(directory, '../MD', SEAL)));
});

/** Two table-days on a simulated disk, durable. */
function simulated(seed: number): SimulatedDisk {
  const disk = new SimulatedDisk(new Random(seed));
  for (const { exchange, directory, table } of STREAMS.slice(0, 2)) {
    const folder = `${DATA}/${exchange}/${directory}/${table.name}`;
    disk.makeFolder(folder);
    for (const { name, bytes } of table.columns) {
      const fd = disk.open(`${folder}/${name}.${STAMP}.bin`);
      disk.write(fd, Buffer.alloc(bytes * 700, name), 0, bytes * 700, 0);
      disk.close(fd);
    }
  }
  disk.syncFs();
  return disk;
}

function judge(disk: SimulatedDisk): number {
  const { problem, seals } = judgeSeals(
    (folder) => disk.list(folder),
    (path) => disk.contentOf(path),
  );
  assert.equal(problem, '');
  return seals;
}

for (const call of FAULTY_CALLS.filter((one) => !['truncate', 'syncFs', 'makeFolder'].includes(one))) {
  test(`${call} fails: counted, told once, no wrong file, made good by the next pass`, () => {
    for (const forever of [false, true]) {
      for (let n = 1; ; n++) {
        const disk = simulated(n);
        if (call === 'unlink') disk.open(`${DATA}/x/A/TRADES/${SEAL}.tmp`);
        const io = new FaultyIo(disk, { call, n, forever, code: n % 2 ? 'ENOSPC' : 'EIO', short: true });
        const pass = new Pass(DATA, io);
        const { failures, sealed } = pass.run();
        if (io.failed === 0) {
          assert.equal(sealed, 2);
          assert.ok(n > 1, `${call} is never used`);
          break;
        }
        assert.ok(failures > 0 && pass.logged.length === 1, JSON.stringify(pass.logged));
        disk.restart(n % 3 === 0);
        judge(disk);
        assert.equal(new Pass(DATA, disk).run().waiting, 0);
        assert.equal(judge(disk), 2);
      }
    }
  });
}

test('a process that dies at any call leaves no file or a good one', () => {
  for (let calls = 1, died = true; died; calls++) {
    const disk = simulated(calls);
    disk.dieAfter(calls);
    new Pass(DATA, disk).run();
    died = disk.dead;
    disk.restart(true);
    judge(disk);
    new Pass(DATA, disk).run();
    assert.equal(judge(disk), 2);
  }
});
