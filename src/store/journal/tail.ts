/**
 * Follows the journal while it is written: every durable block behind a position, each once, in order, through growing
 * files and from one segment to the next. Reads a file only when something has become durable since. Synchronous; the
 * thread of a follower sleeps in between (ProgressReader.rest).
 *
 * A segment is there for as long as a cursor holds it (cursors.ts). TailLost is thrown when a block is missing all the
 * same, or when it was written by a version whose tables this one does not know: what it held is in the column files.
 */
import type { Table } from '../../schema/layout.js';
import type { StoreIo } from '../disk/io.js';
import { BLOCK_KIND } from './format.js';
import { type Block, listSegments, newestOf, type SegmentHead, SegmentReader } from './reader.js';
import { addStreams, type StreamName, type Streams } from './streams.js';

/** Blocks behind a position are not there any more. */
export class TailLost extends Error {}

/** A block with what is needed to understand it; valid until the next one is asked for. */
export interface TailBlock {
  readonly block: Block;
  readonly tables: readonly Table[];
  /** of the segment; it grows, and the next segment has another one */
  readonly streams: Streams;
}

interface OpenSegment {
  readonly reader: SegmentReader;
  readonly tables: readonly Table[];
  readonly streams: Map<number, StreamName>;
}

export class JournalTail {
  private segment: OpenSegment | undefined;
  /** newest durable block, as it was seen last */
  private durable: number;

  constructor(
    private readonly io: StoreIo,
    private readonly folder: string,
    /** the block that was read last */
    public position: number,
    /** newest durable block */
    private readonly newest: () => number,
  ) {
    this.durable = position;
  }

  /** The next durable block, whatever its kind; undefined while there is none. */
  next(): TailBlock | undefined {
    if (this.position >= this.durable && !this.hasGrown()) return undefined;
    for (;;) {
      this.segment ??= this.openFrom(0);
      const { reader, tables, streams } = this.segment;
      const block = reader.next();
      if (block === undefined) this.goOn(reader);
      else {
        if (block.kind === BLOCK_KIND.streams) addStreams(streams, JSON.parse(block.bytes.toString('utf8')));
        if (block.sequence > this.position) {
          this.position = block.sequence;
          return { block, tables, streams };
        }
      }
    }
  }

  private hasGrown(): boolean {
    const newest = this.newest();
    if (newest <= this.durable) return false;
    this.durable = newest;
    this.segment?.reader.refresh();
    return true;
  }

  private goOn(reader: SegmentReader): void {
    this.close();
    this.segment = this.openFrom(reader.id);
  }

  /** Opens the first segment behind the one with this number that may hold the next block. */
  private openFrom(after: number): OpenSegment {
    const next = this.position + 1;
    const heads = listSegments(this.io, this.folder)
      .filter((id) => id > after)
      .flatMap((id) => this.headOf(id) ?? []);
    const firsts = heads.map(({ head }) => head.first);
    const found = heads.find((_, i) => newestOf(firsts, i, Number.POSITIVE_INFINITY) >= next);
    if (found === undefined || found.head.first > next)
      throw new TailLost(`block ${next} of the journal is not there any more`);
    const { tables, header } = found.head;
    if (tables === undefined)
      throw new TailLost(`segment ${found.id} of the journal was written by another version`);
    const streams = new Map<number, StreamName>();
    addStreams(streams, header.streams);
    return { reader: new SegmentReader(this.io, this.folder, found.id), tables, streams };
  }

  /** Undefined for a segment that a crash left without one, or that was removed meanwhile. */
  private headOf(id: number): { readonly id: number; readonly head: SegmentHead } | undefined {
    try {
      const reader = new SegmentReader(this.io, this.folder, id);
      reader.close();
      return reader.head && { id, head: reader.head };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return undefined;
    }
  }

  close(): void {
    this.segment?.reader.close();
    this.segment = undefined;
  }
}
