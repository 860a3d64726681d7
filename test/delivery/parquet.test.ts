/** Parquet files on a disk that forgets: whatever is killed and whenever the power goes, no row is lost and none twice. */
import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { parquetReadObjects } from 'hyparquet';
import * as driver from 'hyparquet-writer';
import type { Batch } from '../../src/delivery/batch.js';
import { placeFolder } from '../../src/delivery/parquet/folder.js';
import { ParquetStore } from '../../src/delivery/parquet/store.js';
import type { Place } from '../../src/delivery/place.js';
import { readWhole } from '../../src/store/disk/io.js';
import { batchOf, tradesOf } from '../support/batches.js';
import { Random } from '../support/random.js';
import { SimulatedDisk } from '../support/simulated_disk.js';

const ROOT = '/data/files';
const PLACES = ['BTC-USD', 'ETH-USD', 'SOL-USD'].map((symbol) => tradesOf('coinbase', symbol, symbol));

/** The price of every seventh row fits no digits. */
const irregularOf = (row: number) => (row % 7 === 0 ? `-${row}.5e-3` : undefined);

function rowsOf(rows: readonly (readonly [Place, number])[]): Batch {
  return batchOf(rows.map(([place, row]) => ({ place, row, priceText: irregularOf(row) })));
}

/** With a folder above that of the files. */
function diskWithData(random: Random): SimulatedDisk {
  const disk = new SimulatedDisk(random);
  disk.makeFolder(dirname(ROOT));
  disk.syncFs();
  return disk;
}

function storeOn(
  disk: SimulatedDisk,
  { sink = 'files', state = undefined as unknown, rotateRows = 12, syncEachMax = 64 } = {},
): ParquetStore {
  const format = { driver, codec: 'UNCOMPRESSED', rowGroupRows: 5 } as const;
  return new ParquetStore({ root: ROOT, sink, state, format, rotateRows, rotateMs: 1, syncEachMax }, disk);
}

/** Rows of a place in its files, in the order of the files. */
async function rowsIn(disk: SimulatedDisk, place: Place): Promise<Record<string, unknown>[]> {
  const folder = placeFolder(ROOT, place);
  const found: Record<string, unknown>[] = [];
  for (const name of disk.list(folder)) {
    const bytes = readWhole(disk, `${folder}/${name}`) as Buffer;
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    found.push(...(await parquetReadObjects({ file })));
  }
  return found;
}

async function checkRows(disk: SimulatedDisk, place: Place, count: number, why: string): Promise<void> {
  const rows = await rowsIn(disk, place);
  const numbers = rows.map(({ row }) => Number(row));
  const all = Array.from({ length: count }, (_, row) => row);
  assert.deepEqual(numbers, all, `${why}: ${place.native}`);
  for (const { row, trade_id, irregular, trade_price_f64, trade_price_scale } of rows) {
    const number = Number(row);
    const text = irregularOf(number);
    const wanted =
      text === undefined
        ? [null, (10_000 + number) / 10, 1]
        : [JSON.stringify({ trade_price: text }), Number(text), null];
    const got = [irregular ?? null, trade_price_f64, trade_price_scale ?? null];
    assert.deepEqual([trade_id, ...got], [0xffff_ffff_0000_0000n + BigInt(number), ...wanted]);
  }
}

/** What a runner knows: rows that were delivered, and those that a flush has covered. */
class History {
  private store: ParquetStore | undefined;
  private readonly sent = PLACES.map(() => 0);
  private safe = PLACES.map(() => 0);
  /** as the cursor has it */
  private state: unknown;
  /** the most that was ever sent */
  private readonly most = PLACES.map(() => 0);
  crashes = 0;

  constructor(
    private readonly disk: SimulatedDisk,
    private readonly random: Random,
  ) {}

  /** One thing that happens; the process may die in it. */
  step(): void {
    const { disk, random } = this;
    if (random.chance(0.3)) disk.dieAfter(1 + random.below(40));
    try {
      this.store ??= storeOn(disk, { state: this.state, syncEachMax: random.of([0, 64]) });
      this.act(this.store);
    } catch (error) {
      if (!disk.dead) throw error;
      this.crashes++;
      disk.restart(random.chance(0.6));
      this.store = undefined;
      // everything that no flush has covered comes again, and sometimes more
      for (const i of PLACES.keys()) this.sent[i] = random.chance(0.2) ? 0 : this.safe[i];
    }
  }

  private act(store: ParquetStore): void {
    const { random } = this;
    if (random.chance(0.6)) this.deliver(store);
    else if (random.chance(0.7)) this.flush(store);
    else store.completeDue(Number.MAX_SAFE_INTEGER, 1000);
  }

  private deliver(store: ParquetStore): void {
    const counts = PLACES.map(() => this.random.below(9));
    const rows = PLACES.flatMap((place, i) =>
      Array.from({ length: counts[i] }, (_, n) => [place, this.sent[i] + n] as const),
    );
    for (const i of PLACES.keys()) this.most[i] = Math.max(this.most[i], this.sent[i] + counts[i]);
    store.add(rowsOf(rows));
    for (const i of PLACES.keys()) this.sent[i] += counts[i];
  }

  private flush(store: ParquetStore): void {
    this.state = store.sync();
    this.safe = this.safe.map((rows, i) => Math.max(rows, this.sent[i]));
  }

  /** Ends well: all rows come again and get into files. */
  async check(why: string): Promise<number> {
    const { disk } = this;
    disk.restart(true);
    const store = storeOn(disk, { state: this.state });
    const { most, safe } = this;
    const rows = PLACES.flatMap((place, i) =>
      Array.from({ length: most[i] - safe[i] }, (_, n) => [place, safe[i] + n] as const),
    );
    store.add(rowsOf(rows));
    store.completeAll();
    const left = disk.list(`${ROOT}/.staging`).filter((name) => !name.startsWith('owner.json'));
    assert.deepEqual(left, [], why);
    for (const [i, place] of PLACES.entries()) await checkRows(disk, place, most[i], why);
    return most.reduce((sum, n) => sum + n, 0);
  }
}

test('100 histories of kills and power cuts', async () => {
  let crashes = 0;
  let rows = 0;
  for (let seed = 1; seed <= 100; seed++) {
    const random = new Random(seed);
    const history = new History(diskWithData(random), random);
    for (let step = 0; step < 60; step++) history.step();
    rows += await history.check(`seed ${seed}`);
    crashes += history.crashes;
  }
  // a simulation in which nothing happens would pass as well
  assert.ok(crashes > 300 && rows > 5000, `${crashes} crashes, ${rows} rows`);
});

test('rows that do not follow each other stand in files of their own, and gaps between them are filled later', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const [place] = PLACES;
  const rows = (from: number, to: number) =>
    rowsOf(Array.from({ length: to - from }, (_, i) => [place, from + i] as const));
  const store = storeOn(disk, { rotateRows: 1000 });
  for (const [from, to] of [
    [20, 30],
    [0, 5],
    [3, 24],
    [0, 40],
  ])
    store.add(rows(from, to));
  store.completeAll();
  await checkRows(disk, place, 40, 'all');
  assert.equal(disk.list(placeFolder(ROOT, place)).length, 3);
});

test('a folder belongs to one sink of one data directory', () => {
  const disk = diskWithData(new Random(1));
  const begun = storeOn(disk);
  assert.throws(
    () => storeOn(disk, { sink: 'others' }),
    /belongs to the sink files; give others another path/,
  );
  // it ended before its cursor was written
  const state = storeOn(disk).sync();
  assert.deepEqual(begun.sync(), state);
  // the cursor of the first flush was written before the second
  begun.sync();
  assert.deepEqual(storeOn(disk, { state }).sync(), state);
  for (const other of [undefined, { id: 'of another folder' }])
    assert.throws(() => storeOn(disk, { state: other }), /has rows of another data directory.*; give files/);
});
