/**
 * When the rows of a running logger reached its journal, seen from outside: the kernel tells of every write to a segment,
 * and the size of the file at that moment says which blocks it holds. What is told late makes a delay longer, never
 * shorter. Runs in the process of a stage.
 */
import { closeSync, type FSWatcher, fstatSync, openSync, readdirSync, readSync, watch } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../../src/base/errors.js';
import { recordTableId, recordWords } from '../../src/schema/layout.js';
import { TRADES } from '../../src/schema/tables.js';
import {
  BLOCK_HEADER_BYTES,
  BLOCK_KIND,
  JOURNAL_FOLDER,
  parseSegmentFile,
  readHeader,
} from '../../src/store/journal_format.js';
import { clockUs } from '../server/feeder.js';

/** A segment that may be deleted before it is read. */
interface Segment {
  readonly fd: number;
  /** sizes that were seen, with their times */
  readonly sizes: number[];
  readonly timesUs: number[];
}

export class JournalWatch {
  private readonly folder: string;
  private readonly segments = new Map<number, Segment>();
  private readonly watcher: FSWatcher;

  constructor(dataPath: string) {
    this.folder = join(dataPath, JOURNAL_FOLDER);
    for (const name of readdirSync(this.folder)) this.look(name);
    this.watcher = watch(this.folder, (_event, name) => this.look(name ?? ''));
  }

  private look(name: string): void {
    const number = parseSegmentFile(name);
    if (number === undefined) return;
    const segment = this.segments.get(number) ?? this.open(number, name);
    if (segment === undefined) return;
    const { size } = fstatSync(segment.fd);
    if (size === segment.sizes.at(-1)) return;
    segment.sizes.push(size);
    segment.timesUs.push(clockUs());
  }

  private open(number: number, name: string): Segment | undefined {
    try {
      const segment = { fd: openSync(join(this.folder, name), 'r'), sizes: [], timesUs: [] };
      this.segments.set(number, segment);
      return segment;
    } catch {
      // it was told of because it is gone
      return undefined;
    }
  }

  /** Microseconds from the time of each trade behind the first `warmup` to its block in the journal. Ends the watch. */
  delays(warmup: number): Float64Array {
    this.watcher.close();
    const delays = [...this.segments].sort(([a], [b]) => a - b).map(([, segment]) => delaysIn(segment));
    return Float64Array.from(delays.flat().slice(warmup));
  }
}

/** Of all trades in a segment, in the order in which they stand there. */
function delaysIn({ fd, sizes, timesUs }: Segment): number[] {
  const bytes = Buffer.alloc(sizes.at(-1) ?? 0);
  readSync(fd, bytes, 0, bytes.length, 0);
  closeSync(fd);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const delays: number[] = [];
  let seen = 0;
  for (let at = 0; at < bytes.length; ) {
    const header = readHeader(bytes, at);
    assert(header !== undefined, `the journal holds no block at byte ${at}`);
    const from = at + BLOCK_HEADER_BYTES;
    at = from + header.length;
    while (sizes[seen] < at) seen++;
    if (header.kind !== BLOCK_KIND.records) continue;
    for (let record = from / 4; record < at / 4; record += recordWords(words[record])) {
      if (recordTableId(words[record]) !== TRADES.id) continue;
      const { trade_time, trade_nanos } = TRADES.at;
      delays.push(timesUs[seen] - (words[record + trade_time] * 1e6 + words[record + trade_nanos] / 1e3));
    }
  }
  return delays;
}
