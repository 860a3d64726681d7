/**
 * Rows of one place on their way to a Parquet file, which is of no use before its end is written: until there are enough
 * of them they stand in a file of blocks, as the journal has them, and a crash costs none that was synced.
 *
 *   a line of JSON: the place; padded to whole words
 *   blocks   word 0  magic · word 1  CRC-32 of everything behind it, begun with that of the line and where the block stands,
 *            so that what an old file has left on the disk is no block of this one · word 2  rows · word 3  bytes of texts
 *            the records, then the texts of numbers that fit no digits, as JSON padded to whole words
 *
 * The rows are consecutive. What stands behind the last whole block is cut off when the file is opened.
 */
import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { LoggerError } from '../../base/errors.js';
import { layoutHash } from '../../schema/layout.js';
import { tableByName } from '../../schema/tables.js';
import { type StoreIo, withFile } from '../../store/disk/io.js';
import type { Batch } from '../batch.js';
import type { Place } from '../place.js';
import { RecordView } from '../record_view.js';
import type { RowRange } from './folder.js';

const MAGIC = 0x53574f52;
const AT = { magic: 0, crc: 1, rows: 2, textBytes: 3 } as const;
const WORD_BYTES = 4;
const HEADER_WORDS = 4;
const HEADER_BYTES = HEADER_WORDS * WORD_BYTES;
const CRC_FROM = AT.rows * WORD_BYTES;

const NO_TEXTS = new Map<number, ReadonlyMap<number, string>>();
/** Of the first line; names are far shorter. */
const HEAD_BYTES_MAX = 8192;

const EXTENSION = '.rows';
const UNFINISHED = '.part';

type Texts = readonly (readonly [number, readonly (readonly [number, string])[]])[];

/** The first line. */
interface Head extends Omit<Place, 'table'> {
  readonly table: string;
  /** of the table: another version of the program may lay its records out in another way */
  readonly layout: number;
  /** number of the first row */
  readonly first: number;
  /** ms since 1970 */
  readonly begunMs: number;
}

interface Block {
  readonly words: Uint32Array<ArrayBuffer>;
  readonly rows: number;
  /** by row of the block and index of the column */
  readonly texts: ReadonlyMap<number, ReadonlyMap<number, string>>;
  /** behind it in the file */
  readonly end: number;
}

/** Memory for a block, used again by the next one. */
export class BlockBuffer {
  private words = new Uint32Array(1024);

  private ensure(words: number): Uint32Array<ArrayBuffer> {
    if (words > this.words.length) this.words = new Uint32Array(2 * words);
    return this.words;
  }

  /** The bytes of a block with these rows of a batch; valid until the next call. `seed`: what its sum begins with. */
  encode(batch: Batch, indexes: readonly number[], seed: number): Uint8Array {
    const size = batch.at(indexes[0]).place.table.words;
    const records = HEADER_WORDS + indexes.length * size;
    const found: [number, [number, string][]][] = [];
    const words = this.ensure(records);
    indexes.forEach((index, row) => {
      const view = batch.at(index);
      view.copyTo(words, HEADER_WORDS + row * size);
      if (view.texts !== undefined) found.push([row, [...view.texts]]);
    });
    const texts = Buffer.from(found.length === 0 ? '' : padded(JSON.stringify(found)));
    return this.close(records, indexes.length, texts, seed);
  }

  private close(records: number, rows: number, texts: Buffer, seed: number): Uint8Array {
    const before = this.words;
    const words = this.ensure(records + texts.length / WORD_BYTES);
    if (words !== before) words.set(before.subarray(0, records));
    const bytes = new Uint8Array(words.buffer, 0, records * WORD_BYTES + texts.length);
    bytes.set(texts, records * WORD_BYTES);
    words[AT.magic] = MAGIC;
    words[AT.rows] = rows;
    words[AT.textBytes] = texts.length;
    words[AT.crc] = crc32(bytes.subarray(CRC_FROM), seed);
    return bytes;
  }
}

/** Text that fills whole words; JSON does not mind spaces behind it. */
function padded(text: string, end = ''): string {
  const over = (Buffer.byteLength(text) + end.length) % WORD_BYTES;
  return text + ' '.repeat(over === 0 ? 0 : WORD_BYTES - over) + end;
}

/** Names from exchanges are escaped in it, and it is of no other rows. */
function nameOf({ exchange, directory, table, day }: Place, first: number): string {
  return [exchange, directory, table.name, day, first].join('~') + EXTENSION;
}

export class StagedRows {
  rows = 0;
  readonly begunMs: number;
  private readonly first: number;
  private readonly headBytes: number;
  /** what sums of blocks begin with */
  private readonly seed: number;
  private bytes: number;

  private constructor(
    private readonly io: StoreIo,
    readonly path: string,
    readonly place: Place,
    { first, begunMs }: Pick<Head, 'first' | 'begunMs'>,
    line: Buffer,
  ) {
    this.first = first;
    this.begunMs = begunMs;
    this.headBytes = this.bytes = line.length;
    this.seed = crc32(line);
  }

  static begin(io: StoreIo, folder: string, place: Place, first: number): StagedRows {
    const { table, ...rest } = place;
    const times = { first, begunMs: Date.now() };
    const head: Head = { ...rest, table: table.name, layout: layoutHash([table]), ...times };
    const line = Buffer.from(padded(JSON.stringify(head), '\n'));
    const path = join(folder, nameOf(place, first));
    withFile(io, io.open(path), (fd) => io.write(fd, line, 0, line.length, 0));
    return new StagedRows(io, path, place, head, line);
  }

  /** Goes on with a file; undefined when there is no row in it. */
  static open(io: StoreIo, path: string): StagedRows | undefined {
    const size = io.sizeOf(path);
    return withFile(io, io.openExisting(path), (fd) => {
      const found = readHead(io, fd);
      // a file whose beginning is not its own was not on disk yet when the power went
      if (found === undefined || nameOf(found.place, found.head.first) !== basename(path)) return undefined;
      const staged = new StagedRows(io, path, found.place, found.head, found.line);
      for (const { rows, end } of staged.blocks(fd)) {
        staged.rows += rows;
        staged.bytes = end;
      }
      if (staged.bytes < size) io.truncate(fd, staged.bytes);
      return staged.rows === 0 ? undefined : staged;
    });
  }

  /** Whether a name is that of a file of staged rows. */
  static isOne(name: string): boolean {
    return name.endsWith(EXTENSION);
  }

  /** Name of the Parquet file while it is written. */
  get unfinishedPath(): string {
    return this.path + UNFINISHED;
  }

  static isUnfinished(name: string): boolean {
    return name.endsWith(UNFINISHED);
  }

  get range(): RowRange {
    return { first: this.first, last: this.first + this.rows - 1 };
  }

  /** Number of the row that comes next. */
  get next(): number {
    return this.first + this.rows;
  }

  /** Takes rows of a batch that follow each other and those that are here. */
  append(buffer: BlockBuffer, batch: Batch, indexes: readonly number[]): void {
    const { io, path, bytes } = this;
    const block = buffer.encode(batch, indexes, this.seed + bytes);
    withFile(io, io.openExisting(path), (fd) => io.write(fd, block, 0, block.length, bytes));
    this.bytes += block.length;
    this.rows += indexes.length;
  }

  /** Shows every row in order; each view is valid until the next one. */
  each(visit: (view: RecordView) => void): void {
    const { io, path, place } = this;
    const view = new RecordView();
    let number = this.first;
    withFile(io, io.openToRead(path), (fd) => {
      for (const { words, rows, texts } of this.blocks(fd))
        for (let row = 0; row < rows; row++) {
          view.show(words, HEADER_WORDS + row * place.table.words, place, number++);
          view.texts = texts.get(row);
          visit(view);
        }
    });
    if (number !== this.next) throw new LoggerError('DATA_UNREADABLE', `${path} has become unreadable`);
  }

  /** All that are whole. */
  private *blocks(fd: number): Generator<Block> {
    const { io, path, place, headBytes, seed } = this;
    const size = io.sizeOf(path);
    for (let at = headBytes; ; ) {
      const block = readBlock(io, { fd, at, size }, place.table.words, seed + at);
      if (block === undefined) return;
      yield block;
      at = block.end;
    }
  }
}

function readHead(io: StoreIo, fd: number) {
  const start = Buffer.alloc(HEAD_BYTES_MAX);
  const line = start.subarray(0, start.subarray(0, io.read(fd, start, 0, 0)).indexOf('\n') + 1);
  const head = parseHead(line.toString('utf8'));
  if (head === undefined) return undefined;
  const { layout, first: _, begunMs: __, table: name, ...rest } = head;
  const table = tableByName(name);
  if (table === undefined || layoutHash([table]) !== layout)
    throw new LoggerError(
      'DATA_UNREADABLE',
      `rows of ${rest.exchange} ${rest.native} ${name} wait for their Parquet file in the layout of another version; run that once more, or remove the folder .staging and send the sink back with logger sinks rewind: what is complete does not come twice`,
    );
  return { place: { ...rest, table }, head, line };
}

function parseHead(line: string): Head | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The block at a place of a file; undefined when there is none, or not all of it. */
function readBlock(
  io: StoreIo,
  { fd, at, size }: { readonly fd: number; readonly at: number; readonly size: number },
  recordWords: number,
  seed: number,
): Block | undefined {
  const header = new Uint32Array(HEADER_WORDS);
  if (io.read(fd, new Uint8Array(header.buffer), 0, at) < header.byteLength) return undefined;
  const rows = header[AT.rows];
  const recordBytes = HEADER_BYTES + rows * recordWords * WORD_BYTES;
  const end = at + recordBytes + header[AT.textBytes];
  if (header[AT.magic] !== MAGIC || end > size || end % WORD_BYTES !== 0) return undefined;
  const words = new Uint32Array((end - at) / WORD_BYTES);
  const bytes = Buffer.from(words.buffer);
  if (io.read(fd, bytes, 0, at) < bytes.length || crc32(bytes.subarray(CRC_FROM), seed) !== header[AT.crc])
    return undefined;
  const texts = bytes.toString('utf8', recordBytes);
  return { words, rows, texts: texts === '' ? NO_TEXTS : textsOf(JSON.parse(texts)), end };
}

function textsOf(found: Texts): Block['texts'] {
  return new Map(found.map(([row, columns]) => [row, new Map(columns)]));
}
