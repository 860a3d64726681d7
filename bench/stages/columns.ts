/** Stage `columns`: rows from the rings to their column files, with the journal and without, and their size there. */
import { openSync, readdirSync, statSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createDoorbell, createRing } from '../../src/ring/layout.js';
import { RingProducer } from '../../src/ring/producer.js';
import type { Table } from '../../src/schema/layout.js';
import { TRADES } from '../../src/schema/tables.js';
import { RowArena } from '../../src/store/columns/row_arena.js';
import { TableDay } from '../../src/store/columns/table_day.js';
import { FilePool } from '../../src/store/disk/file_pool.js';
import { DiskIo } from '../../src/store/disk/io.js';
import { Quarantine } from '../../src/store/disk/quarantine.js';
import { descriptorBudget } from '../../src/supervisor/resources.js';
import { alternate } from '../alternate.js';
import { putRow } from '../rows.js';
import type { Figure, StageContext } from '../stage.js';
import { columnsOf, makeFiles, RIG_JOURNAL, RIG_TABLES, type RigOptions, WriterRig } from '../writer_rig.js';

const CONNECTIONS = 15;
const SYMBOLS = 100;
const SMOKE_SYMBOLS = 4;
/** As the default of `flush_interval_secs`. */
const FLUSH_INTERVAL_MS = 5000;
const ROWS_PER_SECOND_OF_STAGE = 20_000;
const SMOKE_ROWS = 2000;

/** Rows per second of the writer's own time: taking, staging, transposing and writing. */
function throughWriter(rig: WriterRig, symbols: number, rows: number): number {
  const end = rig.rows + rows;
  let ms = 0;
  const measured = (act: () => void) => {
    const started = performance.now();
    act();
    ms += performance.now() - started;
  };
  while (rig.rows < end) {
    // until a ring is full
    while (
      rig.rows < end &&
      rig.put(rig.rows % symbols, RIG_TABLES[Math.floor(rig.rows / symbols) % RIG_TABLES.length])
    );
    rig.publish();
    measured(() => rig.drain());
  }
  measured(() => rig.flush());
  return (rows / ms) * 1000;
}

/** Bytes of all column files of a table. */
function bytesOfTable(dataPath: string, table: Table): number {
  return readdirSync(dataPath, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && basename(entry.parentPath) === table.name)
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

const BATCH_ROWS = 4096;

/** One table-day that is staged and written, batch by batch, with nothing around it. */
class OneTableDay {
  readonly name: string;
  private readonly tableDay: TableDay;
  private readonly words: Uint32Array;

  constructor(
    private readonly table: Table,
    folder: string,
  ) {
    this.name = `one table-day of ${table.name}, ${BATCH_ROWS} rows at a time`;
    const producer = new RingProducer(createRing(1 << 18), createDoorbell());
    for (let n = 0; n < BATCH_ROWS; n++) putRow(producer, table, 0, 1, n);
    this.words = producer.u32;
    const io = new DiskIo();
    const files = new FilePool(io, descriptorBudget(), () => {});
    const quarantine = new Quarantine(io, folder, 'bench');
    this.tableDay = new TableDay(
      { table, exchange: 'bench', directory: 'ONE', day: 1, ring: 0, folder },
      { rowsMax: BATCH_ROWS, exact: true, journaled: false, quarantine, files, waiting: new RowArena() },
    );
  }

  rowsPerSecond(batches: number): number {
    const { table, words, tableDay } = this;
    const before = tableDay.written;
    const started = performance.now();
    for (let batch = 0; batch < batches; batch++) {
      for (let n = 0; n < BATCH_ROWS; n++) tableDay.stage(words, n * table.words);
      tableDay.flush();
    }
    return ((tableDay.written - before) / (performance.now() - started)) * 1000;
  }
}

/** As many bytes as the rows of one table have in all of its columns, one write for a batch. */
class PlainFile {
  private readonly fd: number;
  private readonly bytes: Buffer;
  private at = 0;

  constructor(path: string, rowBytes: number) {
    this.fd = openSync(path, 'w');
    this.bytes = Buffer.alloc(rowBytes * BATCH_ROWS, 1);
  }

  rowsPerSecond(batches: number): number {
    const started = performance.now();
    for (let batch = 0; batch < batches; batch++)
      this.at += writeSync(this.fd, this.bytes, 0, this.bytes.length, this.at);
    return ((batches * BATCH_ROWS) / (performance.now() - started)) * 1000;
  }
}

const VARIANTS = {
  'rings to files, with the journal': { exact: true, journal: RIG_JOURNAL },
  'rings to files, without the journal': { exact: true, journal: undefined },
  'rings to files, without journal and exact columns': { exact: false, journal: undefined },
} satisfies Record<string, Pick<RigOptions, 'exact' | 'journal'>>;
type Variant = keyof typeof VARIANTS;

interface VariantRig {
  readonly variant: Variant;
  readonly dataPath: string;
  readonly rig: WriterRig;
}

function rigOf(variant: Variant, dataPath: string, symbols: number): VariantRig {
  const io = new DiskIo();
  const options = VARIANTS[variant];
  makeFiles(io, dataPath, symbols, options.exact);
  const rig = new WriterRig({
    ...options,
    dataPath,
    io,
    symbols,
    connections: CONNECTIONS,
    ringWords: 1 << 16,
    flushIntervalMs: FLUSH_INTERVAL_MS,
    descriptorsMax: descriptorBudget(),
  });
  return { variant, dataPath, rig };
}

/** Bytes per row as the files say, of the variants that differ in it. */
function* sizeFigures(rigs: readonly VariantRig[]): Iterable<Figure> {
  for (const { variant, dataPath, rig } of rigs) {
    const { exact, journal } = VARIANTS[variant];
    if (journal !== undefined) continue;
    for (const table of RIG_TABLES)
      yield {
        name: `${table.name}${exact ? '' : ' without exact columns'}`,
        unit: 'bytes/row',
        better: 'less',
        group: 'a row on disk',
        values: [bytesOfTable(dataPath, table) / (rig.rows / RIG_TABLES.length)],
      };
  }
}

export async function* figures(context: StageContext): AsyncIterable<Figure> {
  const { smoke, seconds, folder } = context;
  const symbols = smoke ? SMOKE_SYMBOLS : SYMBOLS;
  // as many rows of each table
  const sweep = symbols * RIG_TABLES.length;
  const rows = smoke ? SMOKE_ROWS : Math.ceil((seconds * ROWS_PER_SECOND_OF_STAGE) / sweep) * sweep;
  const batches = Math.ceil(rows / BATCH_ROWS);
  context.input(Buffer.from(`${rows} rows of ${symbols} symbols`));
  const variants = Object.keys(VARIANTS) as Variant[];
  const rigs = variants.map((variant, i) => rigOf(variant, join(folder, `variant-${i}`), symbols));
  const alone = RIG_TABLES.map((table) => new OneTableDay(table, join(folder, `one-${table.name}`)));
  const rowBytes = columnsOf(TRADES, true).reduce((sum, { bytes }) => sum + bytes, 0);
  const plain = new PlainFile(join(folder, 'plain'), rowBytes);
  const limit = `sequential write of as many bytes, ${rowBytes} per row`;
  // the compiler has seen it all before anything counts
  for (const { rig } of rigs) throughWriter(rig, symbols, sweep);
  for (const one of alone) one.rowsPerSecond(1);
  const values = await alternate(context, {
    ...Object.fromEntries(rigs.map(({ variant, rig }) => [variant, () => throughWriter(rig, symbols, rows)])),
    ...Object.fromEntries(alone.map((one) => [one.name, () => one.rowsPerSecond(batches)])),
    [limit]: () => plain.rowsPerSecond(batches),
  });
  for (const [name, perSecond] of Object.entries(values))
    yield {
      name,
      unit: 'million rows/s',
      better: 'more',
      group: 'rows to column files',
      values: perSecond.map((value) => value / 1e6),
      limit: name === limit ? undefined : { of: limit, ratio: 1 },
    };
  for (const { rig } of rigs) context.dropped(rig.rows - rig.written);
  yield* sizeFigures(rigs);
}
