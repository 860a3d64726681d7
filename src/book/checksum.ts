/**
 * HOT: CRC-32 over the texts of an order book, once per change, in shard threads and in `logger verify`. No text is put
 * together: a level keeps the sum of its own text for as long as it stays as it is, and the sums of the levels are joined.
 */
import { CRC_START, crcByte, crcBytes, crcEnd, crcPiece } from '../base/crc32.js';
import { type BookSide, CELL_BYTES, CELL_SIZE, type LevelBook } from './level_book.js';

const POINT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;

/** Puts the sum of the digits of a level, without points and the zeros in front, into its cell; answers their number. */
function sumDigits(side: BookSide, cell: number): number {
  const { text } = side;
  const at = cell * CELL_BYTES;
  let sum = 0;
  let count = 0;
  for (let part = 0; part < 2; part++) {
    let i = at + part * CELL_SIZE;
    const end = i + (part === 0 ? side.priceLength[cell] : side.sizeLength[cell]);
    while (i < end && (text[i] === ZERO || text[i] === POINT)) i++;
    for (; i < end; i++) {
      if (text[i] === POINT) continue;
      sum = crcByte(sum, text[i]);
      count++;
    }
  }
  side.sums[cell] = sum;
  side.summed[cell] = count;
  return count;
}

function addBestDigits(sum: number, side: BookSide, levels: number): number {
  const { order, sums, summed } = side;
  const ranks = Math.min(levels, side.count);
  for (let rank = 0; rank < ranks; rank++) {
    const cell = order[rank];
    const length = summed[cell] === 0 ? sumDigits(side, cell) : summed[cell];
    sum = crcPiece(sum, sums[cell], length);
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
