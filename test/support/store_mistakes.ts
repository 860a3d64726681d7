/**
 * Mistakes that a store could make, each as a change to the running classes or to the disk beneath them, so that the
 * product holds no switch for them. A power-cut test that misses one of these is not worth its time.
 */

import { TableDay } from '../../src/store/columns/table_day.js';
import type { StoreIo } from '../../src/store/disk/io.js';
import { BLOCK_HEADER_BYTES, segmentFile } from '../../src/store/journal/format.js';
import { Journal } from '../../src/store/journal/journal.js';
import { SegmentReader } from '../../src/store/journal/reader.js';
import { Recovery } from '../../src/store/recovery/recovery.js';
import { Checkpointer } from '../../src/store/writer/checkpointer.js';
import { Durability } from '../../src/store/writer/durability.js';
import { Writer } from '../../src/store/writer/writer.js';
import type { SimulatedDisk } from './simulated_disk.js';
import type { Mistakes } from './store_history.js';

// the tests reach into classes whose members are private to everybody else
// biome-ignore lint/suspicious/noExplicitAny: see above
type Open = any;

export interface Mistake {
  readonly name: string;
  readonly mistakes?: Mistakes;
  /** changes classes; answers how to undo it */
  readonly patch?: () => () => void;
}

/** Replaces a method; the new one gets the old one. */
function replace(
  target: { readonly prototype: object },
  method: string,
  make: (before: (...args: unknown[]) => unknown) => (this: Open, ...args: Open[]) => unknown,
): () => void {
  const prototype = target.prototype as Record<string, Open>;
  const before = prototype[method];
  if (typeof before !== 'function') throw new Error(`no method ${method}`);
  prototype[method] = make(before);
  return () => {
    prototype[method] = before;
  };
}

/** A disk that skips calls for some files. */
function without(calls: readonly (keyof StoreIo)[], concerns: (path: string) => boolean) {
  return (disk: SimulatedDisk): StoreIo => {
    const paths = new Map<number, string>();
    return new Proxy(disk, {
      get(target, name) {
        const value = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return (...args: Open[]) => {
          if (calls.includes(name as keyof StoreIo) && concerns(paths.get(args[0]) ?? String(args[0])))
            return undefined;
          const result = value.apply(target, args);
          if (name === 'open') paths.set(result as number, args[0]);
          return result;
        };
      },
    });
  };
}

const everything = () => true;

/** The same disk, on which a sync that runs is taken for one that begins now. */
function withoutBegin(io: StoreIo): StoreIo {
  return new Proxy(io, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return name === 'beginSyncFs' ? () => undefined : value.bind(target);
    },
  });
}

/** Takes zeros for an empty block and goes on with the next thing that looks like a block. */
function readOnBehindZeros(this: Open): unknown {
  const bytes = Buffer.alloc(Math.max(0, this.size - this.offset));
  (this.io as StoreIo).read(this.fd, bytes, 0, this.offset);
  if (bytes.length < BLOCK_HEADER_BYTES || bytes.subarray(0, BLOCK_HEADER_BYTES).some((byte) => byte !== 0))
    return undefined;
  for (let at = this.offset; at < this.size; at += 4) {
    const block = this.blockAt(at);
    if (block === undefined || block.sequence < this.expected) continue;
    this.offset = at + BLOCK_HEADER_BYTES + block.length;
    this.expected = block.sequence + 1;
    return block;
  }
  return undefined;
}

/** Goes on in the file of the last segment, behind whatever its end is. */
function appendBehindTornTail(): () => void {
  const undo = [
    replace(
      Recovery,
      'finish',
      (before) =>
        function (plan, damaged) {
          const last = plan.range.segments.at(-1);
          const kept = last?.head === undefined ? plan.range.segments : plan.range.segments.slice(0, -1);
          return before.call(this, { ...plan, range: { ...plan.range, segments: kept } }, damaged);
        },
    ),
    replace(
      Journal,
      'prepare',
      (before) =>
        function () {
          const last = this.segments.at(-1);
          if (last === undefined || this.continued) return before.call(this);
          this.continued = true;
          const path = `${this.folder}/${String(last.id).padStart(12, '0')}.segment`;
          const head = Buffer.alloc(BLOCK_HEADER_BYTES);
          this.fd = this.io.open(path);
          this.io.read(this.fd, head, 0, 0);
          this.salt = head.readUInt32LE(36);
          this.segment = last.id;
          this.offset = Math.ceil(last.bytes / 4) * 4;
          this.rotating = false;
          this.numbered = 'durable';
          return this.reframe();
        },
    ),
  ];
  return () => {
    for (const act of undo) act();
  };
}

/** Gives the segment's descriptor back when a sync has begun, and opens the file again for the next block. */
function closeUnderSync(): () => void {
  const undo = [
    replace(
      Journal,
      'begin',
      (before) =>
        function (running, act) {
          before.call(this, running, act);
          if (running.what !== 'blocks' || this.running !== running) return;
          this.io.close(this.fd);
          this.closed = true;
        },
    ),
    replace(
      Journal,
      'write',
      (before) =>
        function () {
          if (this.closed) this.fd = this.io.open(`${this.folder}/${segmentFile(this.segment)}`);
          this.closed = false;
          before.call(this);
        },
    ),
  ];
  return () => {
    for (const act of undo) act();
  };
}

export const MISTAKES: readonly Mistake[] = [
  {
    name: 'the journal is not synced',
    mistakes: { io: without(['fdatasync', 'beginFdatasync'], (path) => path.endsWith('/next')) },
  },
  {
    name: 'the checkpoint is not synced',
    mistakes: { io: without(['fdatasync'], (path) => path.includes('checkpoint')) },
  },
  {
    name: 'folders are not synced',
    mistakes: { io: without(['syncFolder', 'beginSyncFolder'], everything) },
  },
  {
    name: 'columns are not synced before a checkpoint',
    mistakes: { io: without(['syncFs', 'beginSyncFs'], everything) },
  },
  { name: 'rows are promised before the sync', mistakes: { promiseDrained: true } },
  {
    name: 'rows are promised that were drained after the sync began',
    patch: () =>
      replace(
        Durability,
        'event',
        (before) =>
          function (event, amount) {
            if (event === 'synced') before.call(this, 'covered', 0);
            before.call(this, event, amount);
          },
      ),
  },
  {
    name: 'blocks are durable that were written after the sync began',
    patch: () =>
      replace(
        Journal,
        'synchronized',
        (before) =>
          function (running) {
            this.write();
            before.call(this, { ...running, bytes: this.heldEnd, sequence: this.sequence });
          },
      ),
  },
  { name: "a segment's descriptor is closed while it is synced", patch: closeUnderSync },
  {
    name: 'the number of a segment is durable at once',
    patch: () =>
      replace(
        Journal,
        'number',
        (before) =>
          function () {
            before.call(this);
            this.numbered = 'durable';
          },
      ),
  },
  {
    name: 'the segment that a checkpoint names is removed',
    patch: () =>
      replace(
        Journal,
        'removeUpTo',
        (before) =>
          function (sequence) {
            before.call(this, sequence, Number.POSITIVE_INFINITY);
          },
      ),
  },
  { name: 'a sink saves its cursor first', mistakes: { cursorFirst: true, sink: true } },
  { name: 'CRCs are not checked', patch: () => replace(SegmentReader, 'intact', () => () => true) },
  {
    name: 'a header of zeros is accepted',
    patch: () =>
      replace(
        SegmentReader,
        'next',
        (before) =>
          function () {
            return before.call(this) ?? readOnBehindZeros.call(this);
          },
      ),
  },
  {
    name: 'columns are cut to the shortest instead of a redo',
    patch: () =>
      replace(
        Recovery,
        'redo',
        () =>
          function (plan) {
            for (const [name, planned] of plan.tableDays) {
              this.open(name, planned);
              const tableDay = this.tableDays.get(name);
              const sizes = tableDay.columns.map(({ column, path }: Open) =>
                Math.floor(Math.max(0, this.io.sizeOf(path)) / column.bytes),
              );
              tableDay.written = Math.min(...sizes);
            }
          },
      ),
  },
  {
    name: 'the redo appends',
    patch: () =>
      replace(
        TableDay,
        'begin',
        (before) =>
          function (state) {
            before.call(this, state);
            const { column, path } = this.columns[0];
            this.written = Math.floor(Math.max(0, this.options.files.io.sizeOf(path)) / column.bytes);
          },
      ),
  },
  { name: 'files are not cut after a redo', patch: () => replace(Recovery, 'cut', () => () => 0) },
  {
    name: 'recovery does not sync what it reads',
    patch: () => replace(Recovery, 'syncJournal', () => () => undefined),
  },
  { name: 'writing goes on behind a torn tail', patch: appendBehindTornTail },
  {
    name: 'segments are removed before the checkpoint',
    patch: () =>
      replace(
        Checkpointer,
        'begin',
        (before) =>
          function () {
            before.call(this);
            if (this.begun === undefined) return false;
            this.journal.removeUpTo(this.begun.sequence, this.begun.segment);
            return true;
          },
      ),
  },
  {
    name: 'segments are removed without regard to sinks',
    mistakes: { sink: true },
    patch: () =>
      replace(
        Checkpointer,
        'removable',
        () =>
          function () {
            return this.covered;
          },
      ),
  },
  {
    name: 'a checkpoint does not wait for the flushes',
    patch: () =>
      replace(
        Checkpointer,
        'doWork',
        (before) =>
          function () {
            if (this.begun !== undefined)
              this.begun = { ...this.begun, snapshot: { ...this.begun.snapshot, reached: everything } };
            before.call(this);
          },
      ),
  },
  {
    name: 'a checkpoint does not wait for the end of its sync',
    patch: () =>
      replace(
        Checkpointer,
        'syncEnded',
        () =>
          function () {
            this.syncingSinceMs = undefined;
            return true;
          },
      ),
  },
  {
    name: 'the sync of a checkpoint begins before its rows are flushed',
    patch: () =>
      replace(
        Checkpointer,
        'begin',
        (before) =>
          function () {
            if (!before.call(this)) return false;
            this.options.io.beginSyncFs(this.options.dataPath);
            const { options } = this;
            this.options = { ...options, io: withoutBegin(options.io) };
            return true;
          },
      ),
  },
  {
    name: 'rings are released before the journal is written',
    patch: () =>
      replace(
        Journal,
        'write',
        (before) =>
          function () {
            // only a sync writes
            if (this.fd < 0 || new Error().stack?.includes('.startSync ')) before.call(this);
          },
      ),
  },
  {
    name: 'files are written before it is durable what they held',
    patch: () =>
      replace(
        Writer,
        'flushable',
        () =>
          function () {
            this.appendBases();
            this.beforeFlush = () => undefined;
            return true;
          },
      ),
  },
  { name: 'a table-day is sealed before a checkpoint covers it', mistakes: { hastySealer: true } },
  {
    name: 'the writer says at once that a checkpoint covers everything',
    mistakes: { sealer: true },
    patch: () => replace(Checkpointer, 'cover', () => (tell) => tell()),
  },
  {
    name: 'a checksum file is not synced before it gets its name',
    mistakes: { sealer: true, io: without(['fdatasync'], (path) => path.includes('/checksums.')) },
  },
];
