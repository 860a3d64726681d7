/**
 * When the rows of a running logger reached its journal: the blocks of its segments, with the times at which the thread
 * that wrote them says it did (stamped_writer.ts). Runs in the process of a stage.
 */
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
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
} from '../../src/store/journal/format.js';
import { STAMP_NUMBERS } from './stamped_logger.js';

/** Segments live for minutes before they are removed. */
const LOOK_MS = 250;

/** Sizes of a file and when it had them. */
interface Growth {
  readonly sizes: number[];
  readonly timesUs: number[];
}

export class JournalWatch {
  private readonly folder: string;
  /** descriptors by number: a segment that is removed can be read all the same */
  private readonly segments = new Map<number, number>();
  private readonly timer: NodeJS.Timeout;

  constructor(dataPath: string) {
    this.folder = join(dataPath, JOURNAL_FOLDER);
    this.look();
    this.timer = setInterval(() => this.look(), LOOK_MS);
  }

  private look(): void {
    for (const name of readdirSync(this.folder)) {
      const number = parseSegmentFile(name);
      if (number !== undefined && !this.segments.has(number))
        this.segments.set(number, openSync(join(this.folder, name), 'r'));
    }
  }

  /** Ends the watch while the segments are there. */
  end(): void {
    clearInterval(this.timer);
    this.look();
  }

  /**
   * Microseconds from the time of each trade behind the first `warmup` to its block in the journal; `stamps`: the file
   * of those, behind the end of the logger.
   */
  delays(stamps: string, warmup: number): Float64Array {
    const growth = growthOf(stamps);
    const delays: number[] = [];
    let newest = -1;
    for (const [, fd] of [...this.segments].sort(([a], [b]) => a - b))
      newest = addDelays(delays, fd, growth, newest);
    return Float64Array.from(delays.slice(warmup));
  }
}

/** What was written down, by inode. */
function growthOf(file: string): Map<number, Growth> {
  const bytes = readFileSync(file);
  const numbers = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const growth = new Map<number, Growth>();
  for (let at = 0; at < numbers.length; at += STAMP_NUMBERS) {
    const [inode, size, timeUs] = numbers.subarray(at, at + STAMP_NUMBERS);
    const { sizes, timesUs } = growth.get(inode) ?? { sizes: [], timesUs: [] };
    sizes.push(size);
    timesUs.push(timeUs);
    growth.set(inode, { sizes, timesUs });
  }
  return growth;
}

/** Adds those of all trades in a segment, in the order in which they stand there; answers its newest block. */
function addDelays(
  delays: number[],
  fd: number,
  growth: ReadonlyMap<number, Growth>,
  before: number,
): number {
  const { ino } = fstatSync(fd);
  const { sizes, timesUs } = growth.get(ino) ?? { sizes: [], timesUs: [] };
  const bytes = Buffer.alloc(sizes.at(-1) ?? 0);
  readSync(fd, bytes, 0, bytes.length, 0);
  closeSync(fd);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  let seen = 0;
  let newest = before;
  for (let at = 0; at < bytes.length; ) {
    const header = readHeader(bytes, at);
    assert(header !== undefined, `the journal holds no block at byte ${at}`);
    const from = at + BLOCK_HEADER_BYTES;
    at = from + header.length;
    while (sizes[seen] < at) seen++;
    // a segment begins with blocks that the one before may hold, too
    if (header.kind !== BLOCK_KIND.records || header.sequence <= newest) continue;
    newest = header.sequence;
    for (let record = from / 4; record < at / 4; record += recordWords(words[record])) {
      if (recordTableId(words[record]) !== TRADES.id) continue;
      const { trade_time, trade_nanos } = TRADES.at;
      delays.push(timesUs[seen] - (words[record + trade_time] * 1e6 + words[record + trade_nanos] / 1e3));
    }
  }
  return newest;
}
