/**
 * HOT: CRC-32 over the texts of an order book, once per change, in shard threads and in `logger verify`. The bytes are
 * taken from the cells of the book one after the other, so no text is put together. (The crc32 of zlib wants one piece of
 * memory, and making that piece costs more than the sum.)
 */
import { type BookSide, CELL_BYTES, CELL_SIZE, type LevelBook } from './level_book.js';

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = (sum & 1) === 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  return sum;
});
const POINT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;

/** Continues with bytes[from, to). A sum begins with -1 and ends with ~. */
function add(sum: number, bytes: Uint8Array, from: number, to: number): number {
  for (let i = from; i < to; i++) sum = TABLE[(sum ^ bytes[i]) & 0xff] ^ (sum >>> 8);
  return sum;
}

/** As add(), without the point and the zeros in front. */
function addDigits(sum: number, bytes: Uint8Array, from: number, to: number): number {
  while (from < to && (bytes[from] === ZERO || bytes[from] === POINT)) from++;
  for (let i = from; i < to; i++) if (bytes[i] !== POINT) sum = TABLE[(sum ^ bytes[i]) & 0xff] ^ (sum >>> 8);
  return sum;
}

function addBestDigits(sum: number, side: BookSide, levels: number): number {
  const { text, order, priceLength, sizeLength } = side;
  const ranks = Math.min(levels, side.count);
  for (let rank = 0; rank < ranks; rank++) {
    const cell = order[rank];
    const at = cell * CELL_BYTES;
    sum = addDigits(sum, text, at, at + priceLength[cell]);
    sum = addDigits(sum, text, at + CELL_SIZE, at + CELL_SIZE + sizeLength[cell]);
  }
  return sum;
}

/** Kraken: digits of price and size of the ten best asks, then of the ten best bids, whatever the depth. */
export function krakenChecksum(book: LevelBook): number {
  return ~addBestDigits(addBestDigits(-1, book.asks, 10), book.bids, 10) >>> 0;
}

function addLevel(sum: number, side: BookSide, rank: number, first: boolean): number {
  const { text, priceLength, sizeLength } = side;
  const cell = side.order[rank];
  const at = cell * CELL_BYTES;
  if (!first) sum = addByte(sum, COLON);
  sum = addByte(add(sum, text, at, at + priceLength[cell]), COLON);
  return add(sum, text, at + CELL_SIZE, at + CELL_SIZE + sizeLength[cell]);
}

function addByte(sum: number, byte: number): number {
  return TABLE[(sum ^ byte) & 0xff] ^ (sum >>> 8);
}

/** OKX until 2026-06: bid and ask in turn, 25 of each as far as there are, everything as sent and joined by colons. */
export function okxChecksum({ bids, asks }: LevelBook): number {
  let sum = -1;
  for (let rank = 0; rank < 25; rank++) {
    if (rank < bids.count) sum = addLevel(sum, bids, rank, sum === -1);
    if (rank < asks.count) sum = addLevel(sum, asks, rank, sum === -1);
  }
  return ~sum >>> 0;
}
