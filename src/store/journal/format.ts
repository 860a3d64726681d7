/**
 * Where the bytes of the journal lie; what is done with them is elsewhere (journal.ts writes, reader.ts reads). The
 * journal is a folder of segments, `{data_path}/journal/{number}.segment`; a segment is a run of blocks:
 *
 *   byte 0   u32  magic, not zero: a file may grow as zeros before its data arrives
 *   byte 4   u32  CRC-32 (IEEE) of everything behind it, header and payload
 *   byte 8   u32  bytes of the payload, a multiple of 4, not zero
 *   byte 12  u32  kind: 1 header · 2 records · 3 streams · 4 bases
 *   byte 16  u64  sequence: journal-wide, each block one more than the block before
 *   byte 24  u64  newest sequence that was known to be durable when this block was written
 *   byte 32  u32  number of the segment
 *   byte 36  u32  salt of the segment: a random number, so that old bytes of the disk never pass for new ones
 *   byte 40  u32  layout hash of the tables
 *   byte 44  u32  0
 *   byte 48       payload
 *
 * A segment may begin with blocks that the segment before holds as well: those that were not durable when it was begun.
 *
 * header:  first block of every segment, JSON (SegmentHeader). It is durable before the second block is written. Its
 *          sequence is that of the block that follows; it has none of its own.
 * records: the records of one ring as they stood there (schema/layout.ts, schema/text.ts), padding left out.
 * streams: JSON, streams that were announced after the segment was begun.
 * bases:   JSON (States, states.ts), table-days and text files opened since the last checkpoint with what they held
 *          before the first row that follows.
 */
import { crc32 } from 'node:zlib';
import type { ColumnType } from '../../schema/columns.js';
import { deriveTable, layoutHash, type Table } from '../../schema/layout.js';
import { LAYOUT_HASH, TABLES } from '../../schema/tables.js';

export const BLOCK_MAGIC = 0x4a4c4f47;
export const BLOCK_HEADER_BYTES = 48;
/** What is longer is no block. */
export const PAYLOAD_BYTES_MAX = 16 * 1024 * 1024;
export const FORMAT_VERSION = 1;
export const CRC_NAME = 'CRC-32/ISO-HDLC';

export const BLOCK_KIND = { header: 1, records: 2, streams: 3, bases: 4 } as const;

export const JOURNAL_FOLDER = 'journal';
export const CURSORS_FOLDER = 'cursors';
export const CHECKPOINT_FILE = 'checkpoint';
/** A segment before it has its number; it is never read. */
export const NEXT_SEGMENT_FILE = 'next';

const AT = {
  crc: 4,
  length: 8,
  kind: 12,
  sequence: 16,
  synced: 24,
  segment: 32,
  salt: 36,
  layout: 40,
} as const;
const CRC_FROM = 8;
const SEGMENT_FILE = /^(\d{12})\.segment$/;

export function segmentFile(segment: number): string {
  return `${String(segment).padStart(12, '0')}.segment`;
}

/** The number of a segment's file, or undefined for another file. */
export function parseSegmentFile(name: string): number | undefined {
  const match = SEGMENT_FILE.exec(name);
  return match === null ? undefined : Number(match[1]);
}

export interface BlockHeader {
  readonly length: number;
  readonly kind: number;
  readonly sequence: number;
  readonly synced: number;
  readonly segment: number;
  readonly salt: number;
  readonly layout: number;
}

function writeU64(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value % 2 ** 32, at);
  bytes.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
}

function readU64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at);
}

/** Completes a block whose payload already stands behind `at`. */
export function writeHeader(bytes: Buffer, at: number, header: BlockHeader): void {
  bytes.writeUInt32LE(BLOCK_MAGIC, at);
  bytes.writeUInt32LE(header.length, at + AT.length);
  bytes.writeUInt32LE(header.kind, at + AT.kind);
  writeU64(bytes, header.sequence, at + AT.sequence);
  writeU64(bytes, header.synced, at + AT.synced);
  bytes.writeUInt32LE(header.segment, at + AT.segment);
  bytes.writeUInt32LE(header.salt, at + AT.salt);
  bytes.writeUInt32LE(header.layout, at + AT.layout);
  bytes.writeUInt32LE(0, at + BLOCK_HEADER_BYTES - 4);
  bytes.writeUInt32LE(blockCrc(bytes, at, header.length), at + AT.crc);
}

/** The header at `at`, or undefined when these bytes cannot begin a block. Says nothing about the payload. */
export function readHeader(bytes: Buffer, at: number): BlockHeader | undefined {
  if (bytes.length - at < BLOCK_HEADER_BYTES || bytes.readUInt32LE(at) !== BLOCK_MAGIC) return undefined;
  const length = bytes.readUInt32LE(at + AT.length);
  if (length === 0 || length % 4 !== 0 || length > PAYLOAD_BYTES_MAX) return undefined;
  return {
    length,
    kind: bytes.readUInt32LE(at + AT.kind),
    sequence: readU64(bytes, at + AT.sequence),
    synced: readU64(bytes, at + AT.synced),
    segment: bytes.readUInt32LE(at + AT.segment),
    salt: bytes.readUInt32LE(at + AT.salt),
    layout: bytes.readUInt32LE(at + AT.layout),
  };
}

/** CRC of a whole block, as it must stand in its header. */
export function blockCrc(bytes: Buffer, at: number, length: number): number {
  return crc32(bytes.subarray(at + CRC_FROM, at + BLOCK_HEADER_BYTES + length));
}

/** Whether the whole block at `at` is as it was written. */
export function crcMatches(bytes: Buffer, at: number, length: number): boolean {
  return bytes.readUInt32LE(at + AT.crc) === blockCrc(bytes, at, length);
}

/** JSON as a payload: padded with spaces to whole words. */
export function jsonPayload(value: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(value));
  const padded = Buffer.alloc(Math.ceil(text.length / 4) * 4, ' ');
  text.copy(padded);
  return padded;
}

/**
 * Number, exchange, folder name and normalized symbol of a stream. The number means the same only within one process;
 * segments of earlier versions lack the symbol.
 */
export type StreamEntry = readonly [stream: number, exchange: string, directory: string, symbol?: string];

interface TableLayout {
  readonly id: number;
  readonly name: string;
  readonly time: readonly [string] | readonly [string, string];
  readonly literals: readonly string[];
  readonly columns: readonly (readonly [name: string, type: ColumnType])[];
}

/** What a reader must know to understand the blocks of a segment. */
export interface SegmentHeader {
  readonly format: number;
  readonly crc: string;
  /** of the tables, as in every block */
  readonly layout: number;
  readonly tables: readonly TableLayout[];
  /** every stream that was known when the segment was begun */
  readonly streams: readonly StreamEntry[];
}

export function segmentHeader(tables: readonly Table[], streams: readonly StreamEntry[]): SegmentHeader {
  return {
    format: FORMAT_VERSION,
    crc: CRC_NAME,
    layout: layoutHash(tables),
    tables: tables.map(({ id, name, time, exactNumbers, columns }) => ({
      id,
      name,
      time: time as TableLayout['time'],
      literals: exactNumbers,
      columns: columns.map((column) => [column.name, column.type]),
    })),
    streams,
  };
}

/** The tables of a segment; undefined when this program cannot read them. */
export function tablesOf(header: SegmentHeader): readonly Table[] | undefined {
  if (header.format !== FORMAT_VERSION || header.crc !== CRC_NAME) return undefined;
  if (header.layout === LAYOUT_HASH) return TABLES;
  try {
    const tables = header.tables.map(({ columns, literals, ...table }) =>
      deriveTable({
        ...table,
        exactNumbers: literals,
        doc: '',
        columns: Object.fromEntries(columns.map(([name, type]) => [name, { type, doc: '' }])),
      }),
    );
    return layoutHash(tables) === header.layout ? tables : undefined;
  } catch {
    // a column type or a size that only another version knows
    return undefined;
  }
}
