/**
 * How long a start takes after a crash: a journal of some time at some rate, written by the real writer turn by turn,
 * is recovered into column files that are there and empty, as an ordinary start makes them, and into files that have to
 * be made. `node dist/bench/recovery.js [--symbols 570] [--rate 20000] [--seconds 60] [--runs 3] [--folder /tmp]`
 *
 * ext4 looks for an inode that was not freed within the last minutes: where tens of thousands of files have just been
 * removed, making a file costs a hundred times as much (`recently_deleted` in a profile of the kernel). Measure on a
 * file system without such removals; the bench itself removes its files at its very end.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { MessagePort } from 'node:worker_threads';
import { createCounters } from '../src/counters/counters.js';
import { DRAIN_COUNTERS, WRITER_COUNTERS } from '../src/counters/declarations.js';
import { createHistogram } from '../src/counters/histogram.js';
import { createDoorbell, createRing } from '../src/ring/layout.js';
import { RingProducer } from '../src/ring/producer.js';
import { DAY_WORD, STREAM_WORD } from '../src/schema/layout.js';
import { MD, TRADES } from '../src/schema/tables.js';
import { makeDayFiles } from '../src/store/day_files.js';
import { DiskIo } from '../src/store/io.js';
import { journalFolder } from '../src/store/journal_start.js';
import { tableDirectory } from '../src/store/paths.js';
import { recover } from '../src/store/recovery.js';
import { Writer } from '../src/store/writer.js';
import { Random } from '../test/support/random.js';

const { values } = parseArgs({
  options: {
    symbols: { type: 'string', default: '570' },
    rate: { type: 'string', default: '20000' },
    seconds: { type: 'string', default: '60' },
    connections: { type: 'string', default: '15' },
    runs: { type: 'string', default: '3' },
    folder: { type: 'string', default: tmpdir() },
  },
});
const [symbols, rate, seconds, connections, runs] = [
  values.symbols,
  values.rate,
  values.seconds,
  values.connections,
  values.runs,
].map(Number);
/** As long as a writer sleeps at most, so that a block holds what one connection brings in that time. */
const TURN_MS = 5;
const TABLES = [TRADES, MD] as const;
const EXCHANGE = 'bench';
const day = Math.floor(Date.now() / 86_400_000);
const directoryOf = (stream: number) => `SYMBOL${stream}`;

/** A writer without a thread that is never stopped. */
class KilledWriter extends Writer {
  override turn(): number {
    return super.turn();
  }

  protected override receive(): undefined {
    return undefined;
  }

  protected override post(): void {}
}

function writeJournal(dataPath: string): number {
  const random = new Random(1);
  const clock = { ms: 1000 };
  const doorbell = createDoorbell();
  const rings = Array.from({ length: connections }, () => createRing(1 << 16));
  const producers = rings.map((ring) => new RingProducer(ring, doorbell));
  const writer = new KilledWriter(
    {
      dataPath,
      // nothing reaches the columns: all of it is to be redone
      flushIntervalMs: 1e9,
      rowsPerTableDay: 1 << 20,
      exact: true,
      descriptorsMax: 0,
      journal: { syncMs: 200, segmentBytes: 64 << 20, bytesMax: 1e12, checkpointMs: 1e9 },
      rings: rings.map((ring) => ({ ring, drain: createCounters(DRAIN_COUNTERS) })),
      streams: Array.from({ length: symbols }, (_, stream) => ({
        stream,
        exchange: EXCHANGE,
        directory: directoryOf(stream),
        ring: stream % connections,
        tables: TABLES.map(({ id }) => id),
      })),
      doorbell,
      counters: createCounters(WRITER_COUNTERS),
      latency: createHistogram(),
    },
    undefined as unknown as MessagePort,
    new DiskIo(),
    () => clock.ms,
  );
  let rows = 0;
  for (let turn = 0; turn < (seconds * 1000) / TURN_MS; turn++) {
    for (; rows < ((turn + 1) * rate * TURN_MS) / 1000; rows++) {
      // few symbols make most of the rows, and every one has some
      const stream = rows < symbols * 2 ? rows >> 1 : Math.floor(random.next() ** 3 * symbols);
      const table = TABLES[rows % 2];
      const producer = producers[stream % connections];
      const at = producer.claim(table.words);
      producer.u32.fill(rows, at, at + table.words);
      producer.u32[at] = table.headerWord;
      producer.u32[at + STREAM_WORD] = stream;
      producer.u32[at + DAY_WORD] = day;
      producer.commit(table.words);
    }
    for (const producer of producers) producer.publish();
    clock.ms += TURN_MS;
    writer.turn();
  }
  return rows;
}

function makeFiles(dataPath: string, made: boolean): void {
  const io = new DiskIo();
  for (let stream = 0; stream < symbols; stream++) {
    for (const table of TABLES) {
      const folder = tableDirectory(dataPath, EXCHANGE, directoryOf(stream), table.name);
      if (made) makeDayFiles(io, { table, exchange: EXCHANGE, folder }, day, true);
    }
  }
}

const root = mkdtempSync(join(values.folder, 'logger-bench-recovery-'));
try {
  const source = join(root, 'source');
  mkdirSync(source);
  const rows = writeJournal(source);
  const journal = journalFolder(source);
  const bytes = readdirSync(journal).reduce((sum, name) => sum + statSync(join(journal, name)).size, 0);
  const files = symbols * TABLES.reduce((sum, { columns }) => sum + columns.length, 0);
  console.log(`${rows} rows, ${Math.round(bytes / 1e6)} MB of journal, ${files} column files`);
  const io = new DiskIo();
  for (let run = 0; run < runs; run++) {
    for (const made of [true, false]) {
      const dataPath = join(root, `${made ? 'made' : 'missing'}-${run}`);
      mkdirSync(dataPath);
      cpSync(journal, journalFolder(dataPath), { recursive: true });
      makeFiles(dataPath, made);
      io.syncFs(dataPath);
      const before = process.cpuUsage();
      const report = recover(io, dataPath);
      const { user, system } = process.cpuUsage(before);
      if (report.rows !== rows) throw new Error(`${report.rows} rows were redone`);
      console.log(
        `${made ? 'existing files' : 'files to make '}: ${Math.round(report.milliseconds)} ms, ${Math.round((user + system) / 1000)} ms of a processor`,
      );
    }
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
