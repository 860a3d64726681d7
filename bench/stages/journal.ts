/** Stage `journal`: blocks to the journal, making them durable, and redoing them after a crash. */
import { closeSync, fdatasyncSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createDoorbell, createRing } from '../../src/ring/layout.js';
import { RingProducer } from '../../src/ring/producer.js';
import { TRADES } from '../../src/schema/tables.js';
import { DiskIo } from '../../src/store/disk/io.js';
import { Journal } from '../../src/store/journal/journal.js';
import { alternate } from '../alternate.js';
import { checksum, memoryCopy } from '../limits.js';
import { nanoseconds } from '../micro.js';
import { recoveryMs, writeJournal } from '../recovery.js';
import { BYTES_PER_WORD, putRow } from '../rows.js';
import type { Figure, StageContext } from '../stage.js';

const BLOCK_ROWS = 64;
const BLOCK_WORDS = BLOCK_ROWS * TRADES.words;
const BLOCK_BYTES = BLOCK_WORDS * BYTES_PER_WORD;
/** As many as there are connections come with one turn of the writer. */
const BLOCKS_PER_WRITE = 15;
const WRITES_PER_SYNC = 5;
const SYNC_BYTES = BLOCK_BYTES * BLOCKS_PER_WRITE * WRITES_PER_SYNC;
const SYNCS_PER_SECOND_OF_STAGE = 2;
const SMOKE_SYNCS = 3;
const LIMIT_MS = 50;

interface Written {
  /** writing alone, without syncs */
  readonly ms: number;
  readonly syncs: readonly number[];
}

function blockOfRows(): Uint32Array {
  const producer = new RingProducer(createRing(1 << 16), createDoorbell());
  for (let n = 0; n < BLOCK_ROWS; n++) putRow(producer, TRADES, n, n, n);
  return producer.u32.slice(0, BLOCK_WORDS);
}

/** Times `write`, which brings SYNC_BYTES to the operating system, apart from `sync`. */
function timed(syncs: number, write: () => void, sync: () => void): Written {
  const times: number[] = [];
  let ms = 0;
  for (let n = 0; n < syncs; n++) {
    const started = performance.now();
    write();
    const written = performance.now();
    sync();
    times.push(performance.now() - written);
    ms += written - started;
  }
  return { ms, syncs: times };
}

function throughJournal(folder: string, block: Uint32Array, syncs: number): Written {
  mkdirSync(folder);
  const journal = new Journal(
    new DiskIo(),
    folder,
    { segmentBytes: 256 << 20, streams: () => [], event: () => {} },
    { sequence: 0, segment: 0, segments: [] },
  );
  journal.rotate();
  const written = timed(
    syncs,
    () => {
      for (let n = 0; n < WRITES_PER_SYNC; n++) {
        for (let i = 0; i < BLOCKS_PER_WRITE; i++) journal.appendRecords(block, 0, BLOCK_WORDS);
        journal.write();
      }
    },
    () => journal.sync(),
  );
  journal.close(0);
  return written;
}

/** The same bytes in the same pieces with nothing around them. */
function plainFile(path: string, block: Uint32Array, syncs: number): Written {
  const bytes = Buffer.alloc(BLOCK_BYTES * BLOCKS_PER_WRITE, Buffer.from(block.buffer));
  const fd = openSync(path, 'w');
  let at = 0;
  const written = timed(
    syncs,
    () => {
      for (let n = 0; n < WRITES_PER_SYNC; n++) at += writeSync(fd, bytes, 0, bytes.length, at);
    },
    () => fdatasyncSync(fd),
  );
  closeSync(fd);
  return written;
}

function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

async function* blockFigures(context: StageContext): AsyncIterable<Figure> {
  const { smoke, seconds, folder } = context;
  const block = blockOfRows();
  const syncs = smoke ? SMOKE_SYNCS : Math.round(seconds * SYNCS_PER_SECOND_OF_STAGE);
  const limitMs = smoke ? 1 : LIMIT_MS;
  context.input(Buffer.from(block.buffer));
  context.progress('blocks');
  const journal: Written[] = [];
  const plain: Written[] = [];
  const bytes = new Uint8Array(block.buffer);
  const micros = { crc: checksum(bytes), copy: memoryCopy(bytes) };
  const limits = await alternate(context, {
    journal: () => journal.push(throughJournal(join(folder, `blocks-${journal.length}`), block, syncs)),
    plain: () => plain.push(plainFile(join(folder, `plain-${plain.length}`), block, syncs)),
    crc: () => nanoseconds(micros.crc, limitMs),
    copy: () => nanoseconds(micros.copy, limitMs),
  });
  const perSecond = ({ ms }: Written) => (SYNC_BYTES * syncs) / 1000 / ms;
  const rate = { unit: 'MB/s', better: 'more', group: 'writing without syncs' } as const;
  const write = 'sequential write of the same bytes';
  yield { ...rate, name: 'journal', values: journal.map(perSecond), limit: { of: write, ratio: 1 } };
  yield { ...rate, name: write, values: plain.map(perSecond) };
  const memory = { unit: 'MB/s', better: 'more', group: 'the same bytes in memory' } as const;
  yield { ...memory, name: 'CRC-32', values: limits.crc.map((ns) => (BLOCK_BYTES * 1000) / ns) };
  yield { ...memory, name: 'memory copy', values: limits.copy.map((ns) => (BLOCK_BYTES * 1000) / ns) };
  yield {
    name: `block of ${BLOCK_ROWS} rows, appended and written`,
    unit: 'µs',
    better: 'less',
    group: 'one block',
    values: journal.map(({ ms }) => (ms * 1000) / (syncs * WRITES_PER_SYNC * BLOCKS_PER_WRITE)),
  };
  const wait = {
    unit: 'ms',
    better: 'less',
    group: `making ${Math.round(SYNC_BYTES / 1000)} kB durable`,
  } as const;
  for (const [label, part] of [
    ['p50', 0.5],
    ['p99', 0.99],
  ] as const) {
    const limit = `sync of a plain file, ${label}`;
    const of = (runs: readonly Written[]) => runs.map((run) => percentile(run.syncs, part));
    yield { ...wait, name: `sync, ${label}`, values: of(journal), limit: { of: limit, ratio: 1 } };
    yield { ...wait, name: limit, values: of(plain) };
  }
}

/** Some 200 MB: of a smaller journal what a start takes anyhow would be much of the time. */
const RECOVERED_ROWS = 1_900_000;
const RECOVERED_SYMBOLS = 100;
const RECOVERED_ROWS_PER_SECOND = 100_000;
/** Each takes seconds. */
const RECOVERIES_PER_RUN = 0.5;
const SMOKE_SIZE = { symbols: 3, rows: 500, rowsPerSecond: 20_000 };

async function* recoveryFigures(context: StageContext): AsyncIterable<Figure> {
  const { smoke, effort, folder } = context;
  const size = smoke
    ? SMOKE_SIZE
    : {
        symbols: RECOVERED_SYMBOLS,
        rows: Math.ceil(RECOVERED_ROWS * effort),
        rowsPerSecond: RECOVERED_ROWS_PER_SECOND,
      };
  context.progress('recovery');
  const source = writeJournal(join(folder, 'crashed'), size);
  context.input(Buffer.from(JSON.stringify(size)));
  let copies = 0;
  const runs = Math.ceil(context.runs * RECOVERIES_PER_RUN);
  const values = await alternate(
    { ...context, runs },
    {
      there: () => recoveryMs(source, join(folder, `recovered-${copies++}`), true),
      missing: () => recoveryMs(source, join(folder, `recovered-${copies++}`), false),
    },
  );
  const notes = `${source.rows} rows of ${source.symbols} symbols, ${Math.round(source.bytes / 1e6)} MB of journal`;
  const common = { better: 'less', notes, unit: 's/GB', group: 'recovery per GB of journal' } as const;
  const perGigabyte = (ms: number) => ms / 1000 / (source.bytes / 1e9);
  yield { ...common, name: 'recovery into existing files', values: values.there.map(perGigabyte) };
  yield { ...common, name: 'recovery that makes the files', values: values.missing.map(perGigabyte) };
}

export async function* figures(context: StageContext): AsyncIterable<Figure> {
  yield* blockFigures(context);
  yield* recoveryFigures(context);
}
