/**
 * Opens the journal of a data directory for a writer that begins now. Recovery has run before (recovery.ts): there is
 * nothing to redo. Writer thread, at its start.
 */
import { join } from 'node:path';
import { assert } from '../../base/errors.js';
import type { StoreIo } from '../disk/io.js';
import { readCheckpoint, writeCheckpoint } from './checkpoint.js';
import { JOURNAL_FOLDER } from './format.js';
import type { JournalStart, SegmentRange } from './journal.js';
import { listSegments, newestOf, type SegmentHead, SegmentReader } from './reader.js';
import { NO_STATES } from './states.js';

export function journalFolder(dataPath: string): string {
  return join(dataPath, JOURNAL_FOLDER);
}

/** Where numbers go on. Makes an empty journal when there is none. */
export function startOfJournal(io: StoreIo, dataPath: string): JournalStart {
  const folder = journalFolder(dataPath);
  const ids = listSegments(io, folder);
  let checkpoint = readCheckpoint(io, folder);
  if (checkpoint === undefined && ids.length === 0) {
    io.makeFolder(folder);
    checkpoint = { sequence: 0, segment: 0, segmentsUsed: 0, states: NO_STATES };
    writeCheckpoint(io, folder, checkpoint);
  }
  assert(
    checkpoint !== undefined && checkpoint !== 'damaged' && checkpoint.segment === 0,
    'recovery ran before the writer',
  );
  // what is in the files now will be counted on by the first blocks
  io.syncFs(dataPath);
  const { sequence, segmentsUsed } = checkpoint;
  return {
    sequence,
    segment: Math.max(segmentsUsed, ...ids),
    segments: rangesOf(io, folder, ids, sequence),
  };
}

function rangesOf(io: StoreIo, folder: string, ids: readonly number[], sequence: number): SegmentRange[] {
  const readers = ids.map((id) => {
    const reader = new SegmentReader(io, folder, id);
    reader.close();
    return reader;
  });
  const readable = readers.filter(({ head }) => head !== undefined);
  const firsts = readable.map(({ head }) => (head as SegmentHead).first);
  return readable.map(({ id, size }, i) => ({ id, newest: newestOf(firsts, i, sequence), bytes: size }));
}
