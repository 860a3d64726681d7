/**
 * Rows as JSON lines in files: `{path}/{name}.{time of the first row}.{number}.jsonl[.gz|.zst]`. The file that is written
 * ends in `.part` until it is complete. It is written in whole members, one per flush, each a valid file by itself, so a
 * crash costs nothing: what stands behind the last flush is cut off, and the rows come again.
 */
import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import * as zlib from 'node:zlib';
import { LoggerError } from '../base/errors.js';
import { choice, integer, number, text } from '../config/kinds.js';
import type { Batch } from '../delivery/batch.js';
import { jsonOf } from '../delivery/json.js';
import { defineSink, type OptionValues, type Sink, type SinkContext } from '../delivery/sink.js';

const options = {
  path: text({
    default: 'export',
    applies: 'reload',
    doc: 'Folder of the files; it is made when it is missing. A relative path starts at the working directory.',
  }),
  compression: choice({
    values: ['none', 'gzip', 'zstd'],
    default: 'gzip',
    applies: 'reload',
    doc: 'How the files are compressed; zstd needs Node 22.15 or later.',
  }),
  rotate_bytes: integer({
    default: 268_435_456,
    min: 4096,
    max: 1_099_511_627_776,
    applies: 'reload',
    doc: 'Size of a file, as it is on disk, from which on a new one is begun.',
  }),
  rotate_secs: number({
    default: 3600,
    min: 1,
    max: 31_536_000,
    applies: 'reload',
    doc: 'Seconds after which a new file is begun.',
  }),
};

type Settings = OptionValues<typeof options>;

const PART = '.part';
const EXTENSIONS = { none: '', gzip: '.gz', zstd: '.zst' } as const;

/** The file that is written, as the cursor keeps it. */
interface FileState {
  /** without `.part`; '' before the first */
  readonly file: string;
  readonly bytes: number;
  /** ms since 1970 */
  readonly begunMs: number;
  /** files begun so far */
  readonly files: number;
}

const NO_FILE: FileState = { file: '', bytes: 0, begunMs: 0, files: 0 };

type Compress = (bytes: Buffer) => Buffer;

function compressorOf(compression: Settings['compression']): Compress {
  if (compression === 'none') return (bytes) => bytes;
  if (compression === 'gzip') return (bytes) => zlib.gzipSync(bytes);
  const { zstdCompressSync } = zlib as { zstdCompressSync?: Compress };
  if (zstdCompressSync === undefined)
    throw new LoggerError(
      'DEPENDENCY_MISSING',
      `zstd needs Node 22.15 or later, this is ${process.version}; write compression = "gzip"`,
    );
  return zstdCompressSync;
}

class JsonLines implements Sink {
  private fd = -1;
  private state: FileState;
  private lines: string[] = [];
  private readonly folder: string;
  private readonly compress: Compress;

  constructor(
    private readonly settings: Settings,
    private readonly context: SinkContext,
  ) {
    this.compress = compressorOf(settings.compression);
    this.folder = resolve(settings.path);
    this.state = (context.state as FileState | undefined) ?? NO_FILE;
    mkdirSync(this.folder, { recursive: true });
    this.takeBack();
  }

  /** What was written behind the last flush goes: the end of the file, and files that were begun since. */
  private takeBack(): void {
    const { file, bytes } = this.state;
    this.tidy();
    if (file === '') return;
    if (statSync(this.partPath, { throwIfNoEntry: false }) === undefined) {
      // it was complete, and only the cursor had not heard of it
      this.reopenComplete();
      return;
    }
    this.fd = openSync(this.partPath, 'r+');
    ftruncateSync(this.fd, bytes);
  }

  /** Files of this name that are not complete and not the one of the cursor. */
  private tidy(): void {
    const { folder, state, context } = this;
    const own = new RegExp(`^${context.name}\\.\\d{8}T\\d{6}Z\\.(\\d{6,})\\.jsonl(\\.gz|\\.zst)?\\${PART}$`);
    for (const name of readdirSync(folder)) {
      const number = Number(own.exec(name)?.[1]);
      if (Number.isNaN(number) || name === state.file + PART) continue;
      const path = join(folder, name);
      // a sink of this name that was removed has left it
      if (context.state === undefined || number < state.files) renameSync(path, path.slice(0, -PART.length));
      else unlinkSync(path);
    }
  }

  /** A file that got its name after the last flush is the one to go on with, unless it was taken away. */
  private reopenComplete(): void {
    const path = join(this.folder, this.state.file);
    if (statSync(path, { throwIfNoEntry: false }) === undefined) {
      this.state = { ...NO_FILE, files: this.state.files };
      return;
    }
    renameSync(path, this.partPath);
    this.fd = openSync(this.partPath, 'r+');
    ftruncateSync(this.fd, this.state.bytes);
  }

  private get partPath(): string {
    return join(this.folder, this.state.file + PART);
  }

  deliver(batch: Batch): void {
    const { lines } = this;
    batch.each((row) => lines.push(jsonOf(row)));
  }

  flush(): FileState {
    if (this.lines.length > 0) this.write();
    this.lines = [];
    return this.state;
  }

  private write(): void {
    const { rotate_bytes, rotate_secs } = this.settings;
    const { bytes, begunMs } = this.state;
    const isFull = bytes >= rotate_bytes || Date.now() - begunMs >= rotate_secs * 1000;
    if (this.fd < 0 || isFull) this.begin();
    const member = this.compress(Buffer.from(`${this.lines.join('\n')}\n`));
    for (let done = 0; done < member.length; )
      done += writeSync(this.fd, member, done, member.length - done, this.state.bytes + done);
    fdatasyncSync(this.fd);
    this.state = { ...this.state, bytes: this.state.bytes + member.length };
  }

  /** Gives the file its name and begins another one. */
  private begin(): void {
    this.complete();
    const now = new Date();
    const time = `${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
    const files = this.state.files + 1;
    const number = String(files).padStart(6, '0');
    const file = `${this.context.name}.${time}.${number}.jsonl${EXTENSIONS[this.settings.compression]}`;
    this.state = { file, bytes: 0, begunMs: now.getTime(), files };
    this.fd = openSync(this.partPath, 'wx');
    syncFolder(this.folder);
  }

  private complete(): void {
    if (this.fd < 0) return;
    closeSync(this.fd);
    this.fd = -1;
    renameSync(this.partPath, join(this.folder, this.state.file));
    syncFolder(this.folder);
  }

  close(): void {
    if (this.fd >= 0) closeSync(this.fd);
    this.fd = -1;
  }
}

function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export default defineSink({
  doc: 'JSON lines in files that are rotated by size and time; numbers are as the exchange wrote them.',
  options,
  batch: { rows: 10_000, bytes: 4_194_304, secs: 1 },
  open: (settings, context) => new JsonLines(settings, context),
});
