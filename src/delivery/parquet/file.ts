/**
 * Writes a Parquet file, one row group after the other, so that a row group is all of it that is ever in memory. The file
 * is whole when finish() has returned, and not durable yet.
 */
import * as zlib from 'node:zlib';
import type { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { LoggerError } from '../../base/errors.js';
import type { StoreIo } from '../../store/disk/io.js';
import { isoDay } from '../../store/disk/paths.js';
import type { Place } from '../place.js';
import type { RecordView } from '../record_view.js';
import { ColumnData } from './columns.js';

export type Driver = typeof import('hyparquet-writer');

export const COMPRESSIONS = ['auto', 'zstd', 'snappy', 'gzip', 'none'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

type Compress = (bytes: Uint8Array) => Uint8Array;

export interface ParquetFormat {
  readonly driver: Driver;
  readonly codec: 'ZSTD' | 'SNAPPY' | 'GZIP' | 'UNCOMPRESSED';
  readonly rowGroupRows: number;
}

/** Node has it from 22.15 on. */
const { zstdCompressSync } = zlib as { readonly zstdCompressSync?: Compress };

const COMPRESSORS = {
  GZIP: (bytes: Uint8Array) => zlib.gzipSync(bytes),
  ...(zstdCompressSync === undefined ? {} : { ZSTD: zstdCompressSync }),
};

/** How Parquet names a compression. */
export function codecOf(compression: Compression): ParquetFormat['codec'] {
  if (compression === 'auto') return zstdCompressSync === undefined ? 'SNAPPY' : 'ZSTD';
  if (compression === 'zstd' && zstdCompressSync === undefined)
    throw new LoggerError(
      'DEPENDENCY_MISSING',
      `zstd needs Node 22.15 or later, this is ${process.version}; write compression = "snappy" or "gzip"`,
    );
  return ({ zstd: 'ZSTD', snappy: 'SNAPPY', gzip: 'GZIP', none: 'UNCOMPRESSED' } as const)[compression];
}

export class ParquetFile {
  private readonly fd: number;
  private readonly bytes: ByteWriter;
  private readonly writer: ParquetWriter;
  private readonly data: ColumnData;
  private written = 0;

  /** `path` must not exist. */
  constructor(
    private readonly io: StoreIo,
    path: string,
    place: Place,
    private readonly format: ParquetFormat,
  ) {
    const { driver, codec } = format;
    this.data = new ColumnData(place);
    this.bytes = new driver.ByteWriter();
    this.writer = new driver.ParquetWriter({
      writer: this.bytes,
      schema: this.data.schema,
      codec,
      compressors: COMPRESSORS,
      kvMetadata: metadataOf(place),
      createdBy: 'logger',
    });
    this.fd = io.open(path);
  }

  add(view: RecordView): void {
    this.data.add(view);
    if (this.data.rows >= this.format.rowGroupRows) this.writeGroup();
  }

  private writeGroup(): void {
    const { rows } = this.data;
    if (rows === 0) return;
    this.writer.write({ columnData: this.data.take(), rowGroupSize: rows });
    this.drain();
  }

  private drain(): void {
    const { io, fd, bytes, written } = this;
    const chunk = bytes.getBytes();
    io.write(fd, chunk, 0, chunk.length, written);
    this.written += chunk.length;
    bytes.index = 0;
  }

  finish(): void {
    this.writeGroup();
    this.writer.finish();
    this.drain();
  }

  close(): void {
    this.io.close(this.fd);
  }
}

/** What the folders say, for a file that has left them. */
function metadataOf({ exchange, symbol, native, table, day }: Place): { key: string; value: string }[] {
  return Object.entries({ exchange, symbol, native, table: table.name, date: isoDay(day) }).map(
    ([key, value]) => ({ key, value }),
  );
}
