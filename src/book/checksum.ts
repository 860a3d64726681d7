/**
 * HOT: CRC-32 over the texts of an order book, once per change, in shard threads and in `logger verify`. The bytes are
 * taken from the cells of the book one after the other, so no text is put together. (The crc32 of zlib wants one piece of
 * memory, and making that piece costs more than the sum.)
 */
import { CRC_START, crcByte, crcBytes, crcEnd } from '../base/crc32.js';
import { type BookSide, CELL_BYTES, CELL_SIZE, type LevelBook } from './level_book.js';

const POINT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;

/** As crcBytes(), without the point and the zeros in front. */
function addDigits(sum: number, bytes: Uint8Array, from: number, to: number): number {
  while (from < to && (bytes[from] === ZERO || bytes[from] === POINT)) from++;
  for (let i = from; i < to; i++) if (bytes[i] !== POINT) sum = crcByte(sum, bytes[i]);
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
  return crcEnd(addBestDigits(addBestDigits(CRC_START, book.asks, 10), book.bids, 10));
}

function addLevel(sum: number, side: BookSide, rank: number, first: boolean): number {
  const { text, priceLength, sizeLength } = side;
  const cell = side.order[rank];
  const at = cell * CELL_BYTES;
  if (!first) sum = crcByte(sum, COLON);
  sum = crcByte(crcBytes(sum, text, at, at + priceLength[cell]), COLON);
  return crcBytes(sum, text, at + CELL_SIZE, at + CELL_SIZE + sizeLength[cell]);
}

/** OKX until 2026-06: bid and ask in turn, 25 of each as far as there are, everything as sent and joined by colons. */
export function okxChecksum({ bids, asks }: LevelBook): number {
  let sum = CRC_START;
  for (let rank = 0; rank < 25; rank++) {
    if (rank < bids.count) sum = addLevel(sum, bids, rank, sum === CRC_START);
    if (rank < asks.count) sum = addLevel(sum, asks, rank, sum === CRC_START);
  }
  return crcEnd(sum);
}
