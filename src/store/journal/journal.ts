/**
 * Writes the journal (format: format.ts). Writer thread only. Order of calls: append() any number of blocks,
 * which only gathers them in memory; write() hands them to the operating system, after which a killed process loses
 * none of them; startSync() and, as often as one likes, settle() make durable what was written when it began, after
 * which a power cut does not cost it either. The calls that may keep a busy disk for seconds run in the background
 * (StoreIo), one at a time, while blocks are appended and written. sync() and rotate() wait until all is done.
 *
 * What was not synced yet is kept in memory, so that a failed call can be repeated at the same place and a failed
 * fdatasync, which is final for its file, can be answered with a new segment.
 *
 * A new segment is made without a pause: its header is made durable in a file without a number, while the segment
 * before goes on. Then it gets every block that is not durable yet, also those that stand in the segment before, and
 * its number, and only when that is durable, too, the blocks in it are synced.
 *
 * All calls but append() throw what the disk answers; calling them again goes on where they stopped. DiskUnreliable is
 * thrown when two fdatasync in a row fail: nothing that is written then can be relied on, the process must end.
 */
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { assert, messageOf } from '../../base/errors.js';
import { JOURNAL_HELD_BYTES_MAX } from '../../base/limits.js';
import { LAYOUT_HASH, TABLES } from '../../schema/tables.js';
import { DiskUnreliable } from '../disk/disk_health.js';
import { type StoreIo, wasTried } from '../disk/io.js';
import { Removal } from '../disk/removal.js';
import {
  BLOCK_HEADER_BYTES,
  BLOCK_KIND,
  jsonPayload,
  NEXT_SEGMENT_FILE,
  readHeader,
  type StreamEntry,
  segmentFile,
  segmentHeader,
  writeHeader,
} from './format.js';

const HELD_BYTES_FIRST = 64 * 1024;
/** Memory that a slow disk has made larger than this is given back. */
const HELD_BYTES_KEPT = 16 * 1024 * 1024;
const SYNC_FAILURES_MAX = 2;

export interface SegmentRange {
  readonly id: number;
  /** newest block that may be found here alone */
  readonly newest: number;
  readonly bytes: number;
}

export interface JournalStart {
  /** newest sequence that was ever used */
  readonly sequence: number;
  /** highest number of a segment that was ever used */
  readonly segment: number;
  /** segments that are still there */
  readonly segments: readonly SegmentRange[];
}

export interface JournalOptions {
  readonly segmentBytes: number;
  /** streams known now, for the head of each segment */
  readonly streams: () => readonly StreamEntry[];
  /** what happens to the journal, for counters and log */
  readonly event: (event: JournalEvent, amount: number) => void;
  /** why a segment was given up */
  readonly poisoned?: (why: string) => void;
}

/** `covered`: everything appended will be durable at the next `synced` */
export type JournalEvent = 'wrote' | 'covered' | 'synced' | 'poisoned';

/** A segment that has its header and no number yet. */
interface NextSegment {
  readonly fd: number;
  readonly segment: number;
  readonly salt: number;
  readonly bytes: number;
}

/** The call that runs in the background: for the first bytes that are held, for a header, for a number, or for others. */
type Running =
  | { readonly what: 'other'; readonly ended: (error: unknown) => void }
  | { readonly what: 'blocks'; readonly bytes: number; readonly sequence: number; readonly sinceMs: number }
  | { readonly what: 'head'; readonly next: NextSegment }
  | { readonly what: 'number' };

export class Journal {
  /** newest block that was appended */
  sequence: number;
  /** newest durable block */
  synced: number;
  private fd = -1;
  private segment: number;
  private salt = 0;
  /** where held[0] stands in the segment's file */
  private offset = 0;
  private held: Buffer<ArrayBuffer> = Buffer.alloc(HELD_BYTES_FIRST);
  private heldWords = new Uint32Array(this.held.buffer);
  private heldEnd = 0;
  private heldWritten = 0;
  private syncFailures = 0;
  private running: Running | undefined;
  /** a new segment is wanted */
  private rotating = false;
  /** the segment that is written has its number; durable, when a power cut does not take it back */
  private numbered: 'no' | 'yes' | 'durable' = 'no';
  private readonly segments: { id: number; newest: number; bytes: number }[];
  private readonly removal: Removal;

  constructor(
    private readonly io: StoreIo,
    private readonly folder: string,
    private readonly options: JournalOptions,
    start: JournalStart,
  ) {
    this.sequence = start.sequence;
    this.synced = start.sequence;
    this.segment = start.segment;
    this.segments = start.segments.map((segment) => ({ ...segment }));
    this.removal = new Removal(io);
  }

  /** Bytes that are not durable yet. */
  get unsyncedBytes(): number {
    return this.heldEnd;
  }

  /** Of these, bytes that the sync that runs does not make durable. */
  get uncoveredBytes(): number {
    return this.heldEnd - (this.running?.what === 'blocks' ? this.running.bytes : 0);
  }

  /** So much is unsynced that nothing more should be appended. */
  get crowded(): boolean {
    return this.heldEnd >= JOURNAL_HELD_BYTES_MAX;
  }

  /** What identifies the call that runs in the background; undefined when none does. */
  get underWay(): object | undefined {
    return this.running;
  }

  /** Whether the current segment is complete as a file: nothing of it but its blocks can be lost. */
  get steady(): boolean {
    return this.fd >= 0 && !this.rotating && this.numbered === 'durable';
  }

  /** Whether everything appended was handed to the operating system. */
  get written(): boolean {
    return this.heldWritten === this.heldEnd;
  }

  get bytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** Segments that are there. */
  get segmentsHeld(): number {
    return this.segments.length;
  }

  /** Number of the segment that is being written; 0 when there is none. */
  get currentSegment(): number {
    return this.fd < 0 ? 0 : this.segment;
  }

  /** Highest number that a segment had. */
  get segmentsUsed(): number {
    return this.segment;
  }

  /** Appends the records words[from, to) of a ring as one block, with words[0, wrapped) behind them. */
  appendRecords(words: Uint32Array, from: number, to: number, wrapped = 0): void {
    const length = (to - from + wrapped) * 4;
    this.makeRoom(length);
    const at = (this.heldEnd + BLOCK_HEADER_BYTES) / 4;
    this.heldWords.set(words.subarray(from, to), at);
    if (wrapped > 0) this.heldWords.set(words.subarray(0, wrapped), at + to - from);
    this.complete(BLOCK_KIND.records, length);
  }

  /** Appends a block of JSON; see format.ts for what belongs to a kind. */
  appendJson(kind: number, value: unknown): void {
    const payload = jsonPayload(value);
    this.makeRoom(payload.length);
    payload.copy(this.held, this.heldEnd + BLOCK_HEADER_BYTES);
    this.complete(kind, payload.length);
  }

  private makeRoom(length: number): void {
    const needed = this.heldEnd + BLOCK_HEADER_BYTES + length;
    if (needed <= this.held.length) return;
    let size = this.held.length;
    while (size < needed) size *= 2;
    const grown = Buffer.alloc(size);
    this.held.copy(grown, 0, 0, this.heldEnd);
    this.hold(grown);
  }

  private hold(bytes: Buffer<ArrayBuffer>): void {
    this.held = bytes;
    this.heldWords = new Uint32Array(bytes.buffer);
  }

  private complete(kind: number, length: number): void {
    this.sequence++;
    this.frame(this.heldEnd, kind, length, this.sequence);
    this.heldEnd += BLOCK_HEADER_BYTES + length;
  }

  private frame(at: number, kind: number, length: number, sequence: number): void {
    const { synced, segment } = this;
    const salt = this.salt;
    writeHeader(this.held, at, { length, kind, sequence, synced, segment, salt, layout: LAYOUT_HASH });
  }

  /** Hands everything appended to the operating system. */
  write(): void {
    while (this.fd < 0) {
      this.rotating = true;
      this.startSync();
      this.settle(true);
    }
    if (!this.written) {
      const { fd, held, heldWritten, heldEnd, offset } = this;
      this.io.write(fd, held, heldWritten, heldEnd, offset + heldWritten);
      this.heldWritten = heldEnd;
      this.options.event('wrote', heldEnd - heldWritten);
    }
    if (this.numbered === 'no') this.number();
  }

  /** Begins the call that is needed next, unless one runs. */
  startSync(): void {
    if (this.running !== undefined) return;
    if (this.rotating) this.prepare();
    else {
      this.write();
      if (this.numbered === 'durable') this.syncBlocks();
      else this.begin({ what: 'number' }, () => this.io.beginSyncFolder(this.folder));
    }
  }

  private syncBlocks(): void {
    const { io, fd, sequence, heldEnd } = this;
    if (heldEnd === 0) return;
    this.options.event('covered', heldEnd);
    const blocks = { what: 'blocks', bytes: heldEnd, sequence, sinceMs: performance.now() } as const;
    this.begin(blocks, () => io.beginFdatasync(fd));
  }

  private begin(running: Running, act: () => void): void {
    try {
      act();
      this.running = running;
    } catch (error) {
      this.failed(running, error);
    }
  }

  /** Begins a call for another part of the store, in the background; false when one runs. */
  beside(begin: () => void, ended: (error: unknown) => void): boolean {
    if (this.running !== undefined) return false;
    begin();
    this.running = { what: 'other', ended };
    return true;
  }

  /** Goes on when the call in the background has ended; answers whether none runs. `wait`: for its end. */
  settle(wait = false): boolean {
    const { running } = this;
    if (running === undefined) return true;
    try {
      if (!this.io.syncEnded(wait)) return false;
    } catch (error) {
      this.running = undefined;
      if (running.what === 'other') running.ended(error);
      else this.failed(running, error);
      return true;
    }
    this.running = undefined;
    if (running.what === 'other') running.ended(undefined);
    else if (running.what === 'blocks') this.synchronized(running);
    else if (running.what === 'head') this.takeNext(running.next);
    else this.numbered = 'durable';
    return true;
  }

  private synchronized({ bytes, sequence, sinceMs }: Running & { readonly what: 'blocks' }): void {
    this.syncFailures = 0;
    this.held.copyWithin(0, bytes, this.heldEnd);
    this.offset += bytes;
    this.heldEnd -= bytes;
    this.heldWritten -= bytes;
    if (this.heldEnd === 0 && this.held.length > HELD_BYTES_KEPT) this.hold(Buffer.alloc(HELD_BYTES_FIRST));
    this.synced = sequence;
    this.segments[this.segments.length - 1].bytes = this.offset;
    this.options.event('synced', performance.now() - sinceMs);
    if (this.offset >= this.options.segmentBytes) this.rotating = true;
  }

  private failed(running: Running, error: unknown): void {
    if (running.what === 'blocks' || (running.what === 'number' && wasTried(error))) {
      this.poison(error);
      return;
    }
    if (running.what === 'head') closeQuietly(this.io, running.next.fd);
    if (wasTried(error)) this.syncFailed(error);
    throw error;
  }

  /** Makes everything appended durable, in a new segment when one is wanted. */
  sync(): void {
    while (!this.settle(true) || !this.steady || this.heldEnd > 0) this.startSync();
  }

  /** The next syncs begin a new segment. */
  startRotation(): void {
    this.rotating = true;
  }

  /** Begins a new segment and makes everything appended durable. */
  rotate(): void {
    this.settle(true);
    this.startRotation();
    this.sync();
  }

  /** Whether the segment that is written has lost its place: it was removed, or another one stands there. */
  isGone(): boolean {
    if (this.fd < 0 || this.numbered === 'no') return false;
    const path = join(this.folder, segmentFile(this.segment));
    return this.io.sizeOf(path) < this.segments[this.segments.length - 1].bytes;
  }

  /** The file's unsynced part may be gone for good: what is held goes to a new segment. */
  private poison(error: unknown): void {
    this.closeFile();
    this.syncFailed(error);
    this.options.event('poisoned', 1);
    this.options.poisoned?.(messageOf(error));
  }

  private syncFailed(error: unknown): void {
    if (++this.syncFailures >= SYNC_FAILURES_MAX)
      throw new DiskUnreliable(`the journal cannot be made durable: ${messageOf(error)}`);
  }

  /** Makes the file of the next segment; its header is durable before any block of it exists. */
  private prepare(): void {
    const { io } = this;
    const path = join(this.folder, NEXT_SEGMENT_FILE);
    const segment = this.segment + 1;
    const salt = randomInt(2 ** 32);
    const head = this.headOf(segment, salt);
    // what a failed attempt left is not written to again
    if (io.sizeOf(path) >= 0) io.unlink(path);
    const fd = io.open(path);
    try {
      io.write(fd, head, 0, head.length, 0);
    } catch (error) {
      closeQuietly(io, fd);
      throw error;
    }
    const next = { fd, segment, salt, bytes: head.length };
    this.begin({ what: 'head', next }, () => io.beginFdatasync(fd));
  }

  /** Goes on in the next segment, with every block that is held. */
  private takeNext({ fd, segment, salt, bytes }: NextSegment): void {
    const last = this.segments.at(-1);
    if (last !== undefined && this.fd >= 0 && this.numbered !== 'no')
      last.bytes = this.offset + this.heldWritten;
    this.closeFile();
    this.fd = fd;
    this.segment = segment;
    this.salt = salt;
    this.offset = bytes;
    this.heldWritten = 0;
    this.rotating = false;
    this.numbered = 'no';
    this.reframe();
  }

  /** From now on a reader finds the segment: with no block less than the segment before, whose tail it replaces. */
  private number(): void {
    const { io, folder, segment } = this;
    // without its file it never gets its number, and another one is made
    this.rotating = true;
    io.rename(join(folder, NEXT_SEGMENT_FILE), join(folder, segmentFile(segment)));
    this.rotating = false;
    this.numbered = 'yes';
    const last = this.segments.at(-1);
    // what is behind stands in the new one as well
    if (last !== undefined) last.newest = Math.min(last.newest, this.synced);
    this.segments.push({ id: segment, newest: Number.POSITIVE_INFINITY, bytes: this.offset });
  }

  private headOf(segment: number, salt: number): Buffer {
    const payload = jsonPayload(segmentHeader(TABLES, this.options.streams()));
    const head = Buffer.concat([Buffer.alloc(BLOCK_HEADER_BYTES), payload]);
    writeHeader(head, 0, {
      length: payload.length,
      kind: BLOCK_KIND.header,
      sequence: this.synced + 1,
      synced: this.synced,
      segment,
      salt,
      layout: LAYOUT_HASH,
    });
    return head;
  }

  /** Blocks that were meant for another segment get the number and salt of this one. */
  private reframe(): void {
    for (let at = 0; at < this.heldEnd; ) {
      const { kind, length, sequence } = readHeader(this.held, at) as NonNullable<
        ReturnType<typeof readHeader>
      >;
      this.frame(at, kind, length, sequence);
      at += BLOCK_HEADER_BYTES + length;
    }
  }

  /** Removes segments before `segment` that hold nothing behind `sequence`; the one being written stays. */
  removeUpTo(sequence: number, segment: number): void {
    while (this.segments.length > 1) {
      const { id, newest } = this.segments[0];
      if (newest > sequence || id >= segment) break;
      this.remove(id);
      this.segments.shift();
    }
    // names that a power cut brings back are those of segments that the checkpoint covers
  }

  /** Behind a sync(): ends the last segment and removes it too when nothing in it is behind `sequence`. */
  close(sequence: number): void {
    this.closeFile();
    this.removeUpTo(sequence, Number.POSITIVE_INFINITY);
    const last = this.segments[0];
    if (this.segments.length !== 1 || this.sequence > sequence) return;
    this.remove(last.id);
    this.segments.length = 0;
    this.io.syncFolder(this.folder);
  }

  private remove(segment: number): void {
    const path = join(this.folder, segmentFile(segment));
    if (this.io.sizeOf(path) >= 0) this.removal.add(path);
  }

  /** What is done a little at a time; called several times a second. */
  doWork(): void {
    this.removal.doWork();
  }

  private closeFile(): void {
    assert(this.running === undefined, 'a file is not closed while it is synced');
    if (this.fd >= 0) closeQuietly(this.io, this.fd);
    this.fd = -1;
  }
}

/** Nothing depends on closing: what must be durable was synced before. */
function closeQuietly(io: StoreIo, fd: number): void {
  try {
    io.close(fd);
  } catch {
    // the descriptor is gone either way
  }
}
