/**
 * Which part of the journal is to be redone: finds where the log behind the checkpoint begins and ends, and walks over
 * its blocks. Reads only. Used by recovery.ts.
 */
import type { Table } from '../../schema/layout.js';
import { LAYOUT_HASH } from '../../schema/tables.js';
import type { StoreIo } from '../disk/io.js';
import type { Checkpoint } from '../journal/checkpoint.js';
import { BLOCK_KIND } from '../journal/format.js';
import { type Block, listSegments, newestOf, type SegmentHead, SegmentReader } from '../journal/reader.js';
import { addStreams, type StreamName, type Streams } from '../journal/streams.js';
import type { CaseLabel, Finding } from './cases.js';

export interface SegmentFound {
  readonly id: number;
  readonly size: number;
  /** undefined: its first block is not whole */
  readonly head: SegmentHead | undefined;
  /** without a head: whether blocks follow nevertheless */
  readonly blocks: boolean;
}

export interface LogRange {
  readonly segments: readonly SegmentFound[];
  /** segments with blocks behind the checkpoint, in order */
  readonly redo: readonly SegmentFound[];
  /** last block that counts */
  readonly end: number;
  /** newest sequence that was seen anywhere */
  readonly highest: number;
  readonly findings: readonly Finding[];
}

export interface WalkedBlock {
  readonly block: Block;
  readonly tables: readonly Table[];
  /** of the segment that the block belongs to */
  readonly streams: Streams;
  /** of the records of this segment, as far as they were met, by stream and table (records.ts) */
  readonly places: Map<number, Place[]>;
}

/** Where the records of one stream, table and day go. */
export interface Place {
  readonly exchange: string;
  readonly directory: string;
  /** undefined for refused messages, which belong to no table */
  readonly table: Table | undefined;
  readonly day: number;
  /** see tableDayName() */
  readonly tableDay: string;
  /** see rejectedName() */
  readonly rejected: string;
}

/** What is there, by number. */
export function findSegments(io: StoreIo, folder: string): SegmentFound[] {
  return listSegments(io, folder).map((id) => {
    const reader = new SegmentReader(io, folder, id);
    try {
      const { head, size } = reader;
      return { id, size, head, blocks: head === undefined && reader.lookBehind() >= 0 };
    } finally {
      reader.close();
    }
  });
}

/** Finds the end of the log; it ends before the first thing that cannot be explained. */
export class LogFinder {
  private readonly findings: Finding[] = [];
  private readonly redo: SegmentFound[] = [];
  private end: number;
  private highest: number;

  constructor(
    private readonly io: StoreIo,
    private readonly folder: string,
    private readonly checkpoint: Checkpoint,
    private readonly segments: readonly SegmentFound[],
  ) {
    this.end = this.highest = checkpoint.sequence;
  }

  find(): LogRange {
    this.lookAtHeads();
    const readable = this.segments.filter(({ head }) => head !== undefined);
    const firsts = readable.map(({ head }) => (head as SegmentHead).first);
    for (const [i, segment] of readable.entries()) {
      if (newestOf(firsts, i, Number.POSITIVE_INFINITY) <= this.checkpoint.sequence)
        this.note('covered-segment', `segment ${segment.id}, from block ${firsts[i]} on`);
      else if (!this.segment(segment, firsts[i + 1])) break;
    }
    const { segments, redo, end, findings } = this;
    const highest = Math.max(this.highest, ...readable.map(({ head }) => (head as SegmentHead).first - 1));
    return { segments, redo, end, highest, findings };
  }

  private note(label: CaseLabel, text: string): void {
    this.findings.push({ label, text });
  }

  private lookAtHeads(): void {
    const named = this.checkpoint.segment;
    if (named !== 0 && !this.segments.some(({ id }) => id === named))
      this.note('segment-missing', `segment ${named} is gone; blocks from ${this.end + 1} on were there`);
    for (const { id, head, blocks } of this.segments) {
      if (head !== undefined) continue;
      if (blocks) this.note('head-damaged', `segment ${id}`);
      else this.note('unborn-segment', `segment ${id}`);
    }
  }

  /** False where the log cannot be followed any further. */
  private segment(segment: SegmentFound, nextFirst = Number.POSITIVE_INFINITY): boolean {
    const { id } = segment;
    const { first, tables, header } = segment.head as SegmentHead;
    if (first > this.end + 1) {
      this.note(
        'hole',
        `segment ${id} begins with block ${first}, but the log before it ends with ${this.end}`,
      );
      return false;
    }
    const { last, torn, claimed } = this.scan(id);
    this.highest = Math.max(this.highest, last, claimed);
    if (last > this.checkpoint.sequence && tables === undefined) {
      this.note('unknown-layout', `segment ${id} has format ${header.format} and layout ${header.layout}`);
      return false;
    }
    if (last > this.end) {
      this.redo.push(segment);
      this.end = last;
      if (header.layout !== LAYOUT_HASH)
        this.note('foreign-layout', `segment ${id}, layout ${header.layout}`);
    } else if (last <= this.checkpoint.sequence && !torn) {
      this.note('covered-segment', `segment ${id}, blocks ${first} to ${last}`);
    }
    return this.judgeEnd(id, last + 1, torn, claimed, nextFirst);
  }

  /** What to think of the place where a segment ends or cannot be read any further. */
  private judgeEnd(id: number, broken: number, torn: boolean, claimed: number, nextFirst: number): boolean {
    if (!torn) return true;
    if (nextFirst <= broken) this.note('superseded-tail', `segment ${id} from block ${broken} on`);
    else if (broken <= this.checkpoint.sequence && claimed <= this.checkpoint.sequence)
      this.note('covered-damage', `segment ${id}, block ${broken}`);
    else if (claimed >= broken) {
      const text = `segment ${id}: block ${broken} is damaged, but everything up to ${claimed} was durable`;
      this.note('damaged-block', text);
      return false;
    } else if (nextFirst === Number.POSITIVE_INFINITY)
      this.note('torn-tail', `segment ${id} from block ${broken} on`);
    // a next segment that begins later is found to be a hole when its turn comes
    return true;
  }

  private scan(id: number): { last: number; torn: boolean; claimed: number } {
    const reader = new SegmentReader(this.io, this.folder, id);
    try {
      let last = (reader.head as SegmentHead).first - 1;
      for (let block = reader.next(); block !== undefined; block = reader.next()) last = block.sequence;
      const torn = reader.offset < reader.size;
      return { last, torn, claimed: torn ? reader.lookBehind() : -1 };
    } finally {
      reader.close();
    }
  }
}

/** Every block behind the checkpoint up to `end`, each once, in order. */
export function* walkLog(
  io: StoreIo,
  folder: string,
  range: { readonly redo: readonly SegmentFound[]; readonly end: number },
  checkpoint: Checkpoint,
): Generator<WalkedBlock> {
  let done = checkpoint.sequence;
  for (const { id, head } of range.redo) {
    const { header, tables } = head as SegmentHead;
    const streams = new Map<number, StreamName>();
    const places = new Map<number, Place[]>();
    addStreams(streams, header.streams);
    const reader = new SegmentReader(io, folder, id);
    try {
      for (let block = reader.next(); block !== undefined; block = reader.next()) {
        if (block.sequence > range.end) break;
        if (block.kind === BLOCK_KIND.streams) addStreams(streams, JSON.parse(block.bytes.toString('utf8')));
        if (block.sequence <= done) continue;
        done = block.sequence;
        yield { block, tables: tables as readonly Table[], streams, places };
      }
    } finally {
      reader.close();
    }
  }
}
