/**
 * Writes the journal (format: journal_format.ts). Writer thread only. Order of calls: append() any number of blocks,
 * which only gathers them in memory; write() hands them to the operating system, after which a killed process loses
 * none of them; sync() makes them durable, after which a power cut does not either. What was not synced yet is kept in
 * memory, so that a failed call can be repeated at the same place and a failed fdatasync, which is final for its file,
 * can be answered with a new segment.
 *
 * All calls but append() throw what the disk answers; calling them again goes on where they stopped. DiskUnreliable is
 * thrown when two fdatasync in a row fail: nothing that is written then can be relied on, the process must end.
 */
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { messageOf } from '../base/errors.js';
import { LAYOUT_HASH, TABLES } from '../schema/tables.js';
import { DiskUnreliable } from './disk_health.js';
import { type StoreIo, wasTried } from './io.js';
import {
  BLOCK_HEADER_BYTES,
  BLOCK_KIND,
  jsonPayload,
  readHeader,
  type StreamEntry,
  segmentFile,
  segmentHeader,
  writeHeader,
} from './journal_format.js';

/** Unsynced bytes above which sync() is due at once. */
const HELD_BYTES_MAX = 16 * 1024 * 1024;
const HELD_BYTES_FIRST = 64 * 1024;
const SYNC_FAILURES_MAX = 2;

/** A segment with its first block; it ends where the next one begins. */
export interface SegmentRange {
  readonly id: number;
  readonly first: number;
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
  readonly event: (event: 'wrote' | 'synced' | 'poisoned', amount: number) => void;
}

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
  private readonly segments: { id: number; first: number; bytes: number }[];

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
  }

  /** Bytes that are not durable yet. */
  get unsyncedBytes(): number {
    return this.heldEnd;
  }

  /** So much is unsynced that nothing more should be appended before a sync(). */
  get crowded(): boolean {
    return this.heldEnd >= HELD_BYTES_MAX;
  }

  /** Whether everything appended was handed to the operating system. */
  get written(): boolean {
    return this.heldWritten === this.heldEnd;
  }

  get bytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** Number of the segment that is being written; 0 when there is none. */
  get currentSegment(): number {
    return this.fd < 0 ? 0 : this.segment;
  }

  /** Highest number that a segment had. */
  get segmentsUsed(): number {
    return this.segment;
  }

  /** Appends the records words[from, to) of a ring as one block. */
  appendRecords(words: Uint32Array, from: number, to: number): void {
    const length = (to - from) * 4;
    this.makeRoom(length);
    this.heldWords.set(words.subarray(from, to), (this.heldEnd + BLOCK_HEADER_BYTES) / 4);
    this.complete(BLOCK_KIND.records, length);
  }

  /** Appends a block of JSON; see journal_format.ts for what belongs to a kind. */
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
    this.held = grown;
    this.heldWords = new Uint32Array(grown.buffer);
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
    if (this.fd < 0) this.beginSegment();
    if (this.written) return;
    const { fd, held, heldWritten, heldEnd, offset } = this;
    this.io.write(fd, held, heldWritten, heldEnd, offset + heldWritten);
    this.heldWritten = heldEnd;
    this.options.event('wrote', heldEnd - heldWritten);
  }

  /** Makes everything appended durable. */
  sync(): void {
    this.write();
    while (this.heldEnd > 0) {
      const started = performance.now();
      try {
        this.io.fdatasync(this.fd);
      } catch (error) {
        this.poison(error);
        this.write();
        continue;
      }
      this.syncFailures = 0;
      this.offset += this.heldEnd;
      this.heldEnd = this.heldWritten = 0;
      this.synced = this.sequence;
      this.segments[this.segments.length - 1].bytes = this.offset;
      this.options.event('synced', performance.now() - started);
      if (this.offset >= this.options.segmentBytes) this.rotate();
    }
  }

  /** Begins a new segment behind everything that was appended. */
  rotate(): void {
    this.sync();
    this.closeFile();
    this.beginSegment();
  }

  /** Whether the segment that is written has lost its place: it was removed, or another one stands there. */
  isGone(): boolean {
    if (this.fd < 0) return false;
    const path = join(this.folder, segmentFile(this.segment));
    return this.io.sizeOf(path) < this.segments[this.segments.length - 1].bytes;
  }

  /** The file's unsynced part may be gone for good: what is held goes to a new segment. */
  private poison(error: unknown): void {
    this.closeFile();
    this.syncFailed(error);
    this.options.event('poisoned', 1);
  }

  private syncFailed(error: unknown): void {
    if (++this.syncFailures >= SYNC_FAILURES_MAX)
      throw new DiskUnreliable(`the journal cannot be made durable: ${messageOf(error)}`);
  }

  /** Opens the next segment; its header is durable before any block of it exists. */
  private beginSegment(): void {
    const segment = this.segment + 1;
    const salt = randomInt(2 ** 32);
    const path = join(this.folder, segmentFile(segment));
    const head = this.headOf(segment, salt);
    const fd = this.io.open(path);
    try {
      // a failed attempt may have left something
      this.io.truncate(fd, 0);
      this.io.write(fd, head, 0, head.length, 0);
      this.syncHead(fd, segment);
    } catch (error) {
      closeQuietly(this.io, fd);
      throw error;
    }
    this.fd = fd;
    this.segment = segment;
    this.salt = salt;
    this.offset = head.length;
    this.heldWritten = 0;
    this.segments.push({ id: segment, first: this.synced + 1, bytes: head.length });
    this.reframe();
  }

  private syncHead(fd: number, segment: number): void {
    try {
      this.io.fdatasync(fd);
      this.io.syncFolder(this.folder);
    } catch (error) {
      if (wasTried(error)) {
        // the number is used up: the file is not written to again
        this.segment = segment;
        this.syncFailed(error);
      }
      throw error;
    }
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

  /** Removes segments that hold nothing behind `sequence`; the one being written stays. */
  removeUpTo(sequence: number): void {
    let removed = 0;
    while (this.segments.length > 1 && this.segments[1].first - 1 <= sequence) {
      this.remove(this.segments[0].id);
      this.segments.shift();
      removed++;
    }
    if (removed > 0) this.io.syncFolder(this.folder);
  }

  /** After a sync(): ends the last segment and removes it too when nothing in it is behind `sequence`. */
  close(sequence: number): void {
    this.closeFile();
    this.removeUpTo(sequence);
    const last = this.segments[0];
    if (this.segments.length !== 1 || this.sequence > sequence) return;
    this.remove(last.id);
    this.segments.length = 0;
    this.io.syncFolder(this.folder);
  }

  private remove(segment: number): void {
    const path = join(this.folder, segmentFile(segment));
    if (this.io.sizeOf(path) >= 0) this.io.unlink(path);
  }

  private closeFile(): void {
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
