/**
 * How long a start takes after a crash: a journal of some time at some rate, written by the real writer turn by turn,
 * is recovered into column files that are there and empty, as an ordinary start makes them, or into files that have to
 * be made.
 *
 * ext4 looks for an inode that was not freed within the last minutes: where tens of thousands of files have just been
 * removed, making a file costs a hundred times as much (`recently_deleted` in a profile of the kernel). Measure on a
 * file system without such removals; the bench itself removes its files at its very end.
 */
import { cpSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DiskIo } from '../src/store/disk/io.js';
import { journalFolder } from '../src/store/journal/start.js';
import { recover } from '../src/store/recovery/recovery.js';
import { Random } from '../test/support/random.js';
import { makeFiles, RIG_JOURNAL, RIG_TABLES, WriterRig } from './writer_rig.js';

export interface CrashedJournal {
  readonly dataPath: string;
  readonly rows: number;
  readonly bytes: number;
  readonly symbols: number;
}

export interface JournalSize {
  readonly symbols: number;
  readonly rows: number;
  readonly rowsPerSecond: number;
}

const CONNECTIONS = 15;
/** As long as a writer sleeps at most, so that a block holds what one connection brings in that time. */
const TURN_MS = 5;
/** Nothing reaches the columns: all of it is to be redone. */
const NEVER_MS = 1e9;

/** Writes a journal as a process leaves it that is killed. */
export function writeJournal(
  dataPath: string,
  { symbols, rows, rowsPerSecond }: JournalSize,
): CrashedJournal {
  mkdirSync(dataPath);
  const random = new Random(1);
  const rig = new WriterRig({
    dataPath,
    io: new DiskIo(),
    symbols,
    connections: CONNECTIONS,
    ringWords: 1 << 16,
    flushIntervalMs: NEVER_MS,
    exact: true,
    descriptorsMax: 0,
    journal: RIG_JOURNAL,
  });
  while (rig.rows < rows) {
    const end = Math.min(rows, rig.rows + (rowsPerSecond * TURN_MS) / 1000);
    while (rig.rows < end) {
      // few symbols make most of the rows, and every one has some
      const stream = rig.rows < symbols * 2 ? rig.rows >> 1 : Math.floor(random.next() ** 3 * symbols);
      if (!rig.put(stream, RIG_TABLES[rig.rows % RIG_TABLES.length])) throw new Error('a ring is full');
    }
    rig.publish();
    rig.pass(TURN_MS);
    rig.drain();
  }
  rig.pass(NEVER_MS / 2);
  rig.turn();
  const folder = journalFolder(dataPath);
  const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  return { dataPath, rows, bytes, symbols };
}

/** Milliseconds of recovering a copy of the journal in a folder of its own. */
export function recoveryMs(source: CrashedJournal, dataPath: string, filesThere: boolean): number {
  const io = new DiskIo();
  mkdirSync(dataPath);
  cpSync(journalFolder(source.dataPath), journalFolder(dataPath), { recursive: true });
  if (filesThere) makeFiles(io, dataPath, source.symbols, true);
  io.syncFs(dataPath);
  const report = recover(io, dataPath);
  if (report.rows !== source.rows) throw new Error(`${report.rows} of ${source.rows} rows were redone`);
  return report.milliseconds;
}
