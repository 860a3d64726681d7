/**
 * Reads segments of the journal (format: format.ts), up to the size that they have when they are opened or refreshed: for
 * recovery, for a writer that starts, and for who follows the journal (tail.ts). Changes nothing. Synchronous, in fixed
 * memory but for the longest block.
 *
 * A reader never goes past a block that is not whole: what stands behind it has no meaning by itself. Whether that is
 * the normal end after a crash or damage is for the caller to judge, from what lookBehind() finds.
 */
import { join } from 'node:path';
import type { Table } from '../../schema/layout.js';
import type { StoreIo } from '../disk/io.js';
import {
  BLOCK_HEADER_BYTES,
  BLOCK_KIND,
  type BlockHeader,
  crcMatches,
  parseSegmentFile,
  readHeader,
  type SegmentHeader,
  segmentFile,
  tablesOf,
} from './format.js';

const WINDOW_BYTES = 256 * 1024;

/**
 * A whole block; the payload is only valid until the next call to the reader. A journal holds thousands a second, so
 * views of the payload alone are made only for those who ask.
 */
export class Block implements BlockHeader {
  readonly length: number;
  readonly kind: number;
  readonly sequence: number;
  readonly synced: number;
  readonly segment: number;
  readonly salt: number;
  readonly layout: number;
  /** words of `view` that are the payload */
  readonly from: number;
  readonly to: number;

  constructor(
    header: BlockHeader,
    private readonly window: Buffer<ArrayBuffer>,
    /** the window as words */
    readonly view: Uint32Array<ArrayBuffer>,
    private readonly at: number,
  ) {
    this.length = header.length;
    this.kind = header.kind;
    this.sequence = header.sequence;
    this.synced = header.synced;
    this.segment = header.segment;
    this.salt = header.salt;
    this.layout = header.layout;
    this.from = at / 4;
    this.to = this.from + header.length / 4;
  }

  /** the payload */
  get bytes(): Buffer {
    return this.window.subarray(this.at, this.at + this.length);
  }

  /** the payload as words */
  get words(): Uint32Array {
    return this.view.subarray(this.from, this.to);
  }
}

/** What the first block of a segment says. */
export interface SegmentHead {
  readonly first: number;
  readonly header: SegmentHeader;
  /** undefined when this program does not understand the layout */
  readonly tables: readonly Table[] | undefined;
}

/** Numbers of the segments in a journal folder, ascending. */
export function listSegments(io: StoreIo, folder: string): number[] {
  return io
    .list(folder)
    .map(parseSegmentFile)
    .filter((segment) => segment !== undefined)
    .sort((a, b) => a - b);
}

/**
 * The newest block that the i-th segment may hold, from the first blocks of all: a segment begins with what was not
 * durable when it was begun, so the one before may hold that, too, and a crash may have left it there alone. Where one
 * begins later than the next, all of it had become durable before.
 */
export function newestOf(firsts: readonly number[], i: number, newest: number): number {
  const later = firsts.find((first) => first > firsts[i + 1]);
  return later === undefined ? newest : later - 1;
}

export class SegmentReader {
  /** of the file, as it was seen last */
  size: number;
  /** of the block that next() reads */
  offset = 0;
  /** undefined when the first block is not whole */
  readonly head: SegmentHead | undefined;
  private readonly path: string;
  private readonly fd: number;
  private window: Buffer<ArrayBuffer>;
  private view: Uint32Array<ArrayBuffer>;
  private windowAt = 0;
  private windowEnd = 0;
  private salt = 0;
  private expected = 0;

  constructor(
    private readonly io: StoreIo,
    folder: string,
    readonly id: number,
  ) {
    this.path = join(folder, segmentFile(id));
    this.fd = io.openToRead(this.path);
    this.size = io.sizeOf(this.path);
    this.window = roomFor(Math.min(WINDOW_BYTES, this.size));
    this.view = new Uint32Array(this.window.buffer);
    this.head = this.readHead();
  }

  close(): void {
    this.io.close(this.fd);
  }

  /** Sees what was written since, also where there was something else before. */
  refresh(): void {
    this.size = this.io.sizeOf(this.path);
    this.windowEnd = this.windowAt;
  }

  private readHead(): SegmentHead | undefined {
    const block = this.blockAt(0);
    if (block === undefined || !this.belongs(block) || block.kind !== BLOCK_KIND.header) return undefined;
    let header: SegmentHeader;
    try {
      header = JSON.parse(block.bytes.toString('utf8'));
    } catch {
      return undefined;
    }
    this.offset = BLOCK_HEADER_BYTES + block.length;
    this.salt = block.salt;
    this.expected = block.sequence;
    return { first: block.sequence, header, tables: tablesOf(header) };
  }

  /** The next block, or undefined where no whole block follows. */
  next(): Block | undefined {
    const block = this.blockAt(this.offset);
    if (block === undefined || !this.follows(block)) return undefined;
    this.offset += BLOCK_HEADER_BYTES + block.length;
    this.expected = block.sequence + 1;
    return block;
  }

  /** Whether a whole block is the one that must stand here, and not a leftover of the disk. */
  private follows(block: Block): boolean {
    return this.belongs(block) && block.salt === this.salt && block.sequence === this.expected;
  }

  private belongs(block: BlockHeader): boolean {
    return block.segment === this.id;
  }

  /**
   * Looks behind the place where next() found no block: the newest sequence that a later whole block of this segment
   * claims to be durable, or -1 when there is no later block.
   */
  lookBehind(): number {
    let claimed = -1;
    for (let at = this.offset + 4; at + BLOCK_HEADER_BYTES <= this.size; ) {
      const block = this.blockAt(at);
      const ours =
        block !== undefined && this.belongs(block) && (this.head === undefined || block.salt === this.salt);
      if (ours) claimed = Math.max(claimed, block.synced);
      at += ours ? BLOCK_HEADER_BYTES + block.length : 4;
    }
    return claimed;
  }

  private blockAt(offset: number): Block | undefined {
    if (!this.load(offset, BLOCK_HEADER_BYTES)) return undefined;
    const header = readHeader(this.window, offset - this.windowAt);
    if (header === undefined || !this.load(offset, BLOCK_HEADER_BYTES + header.length)) return undefined;
    const at = offset - this.windowAt;
    if (!this.intact(at, header.length)) return undefined;
    return new Block(header, this.window, this.view, at + BLOCK_HEADER_BYTES);
  }

  private intact(at: number, length: number): boolean {
    return crcMatches(this.window, at, length);
  }

  /** Makes sure that bytes of the file are in the window; false when the file ends before. */
  private load(offset: number, length: number): boolean {
    if (offset + length > this.size) return false;
    if (offset >= this.windowAt && offset + length <= this.windowEnd) return true;
    if (length > this.window.length) {
      this.window = roomFor(length + WINDOW_BYTES);
      this.view = new Uint32Array(this.window.buffer);
    }
    this.windowAt = offset;
    this.windowEnd = offset + this.io.read(this.fd, this.window, 0, offset);
    return offset + length <= this.windowEnd;
  }
}

/** Allocated apart and not from a pool; offsets are multiples of 4, so payloads can be seen as words. */
function roomFor(bytes: number): Buffer<ArrayBuffer> {
  return Buffer.from(new ArrayBuffer(Math.ceil(bytes / 4) * 4));
}
