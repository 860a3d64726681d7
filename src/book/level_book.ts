/**
 * HOT: an order book of one symbol, in shard threads once per level and in `logger verify`. It keeps the text of each
 * price and size, because the checksums of exchanges are made of it, and allocates nothing once it has grown to the size
 * of the book. Levels are held in cells that stay where they are; only the order of the cells is moved:
 *
 *   order  [ 3 | 0 | 2 | 1 | 4 ]      cells in the order of the side, best first; behind `count` are the free ones
 *            ▲ best      ▲ free
 */
import { POWERS_OF_TEN } from '../base/number.js';
import { BOOK_SIDE } from '../schema/tables.js';
import { irregularText, irregularValue } from './irregular_number.js';

/** Bytes of a cell: the text of the price, then from CELL_SIZE on that of the size. */
export const CELL_BYTES = 64;
export const CELL_SIZE = 32;
const FIRST_CELLS = 32;
/** digits that a double holds whatever they are */
const PLAIN_DIGITS = 15;
const ZERO = 0x30;
const POINT = 0x2e;

/** Value of plain digits with at most one point; -1 for everything else, which has to be looked at more closely. */
function plainValue(bytes: Uint8Array, from: number, to: number): number {
  if (to - from > PLAIN_DIGITS + 1) return -1;
  let digits = 0;
  let point = -1;
  for (let i = from; i < to; i++) {
    const digit = bytes[i] - ZERO;
    if (digit >= 0 && digit <= 9) digits = digits * 10 + digit;
    else if (bytes[i] === POINT && point < 0) point = i;
    else return -1;
  }
  const integer = point < 0 ? to - from : point - from;
  if (integer < 1 || integer > PLAIN_DIGITS || point === to - 1 || (bytes[from] === ZERO && integer > 1))
    return -1;
  return point < 0 ? digits : digits / POWERS_OF_TEN[to - point - 1];
}

/** Length of the text in the cell. An exponent form is kept as the plain number it stands for. */
function keep(
  text: Uint8Array,
  at: number,
  bytes: Uint8Array,
  from: number,
  to: number,
  isPlain: boolean,
): number {
  if (!isPlain) return irregularText(text, at, bytes, from, to);
  for (let i = from; i < to; i++) text[at++] = bytes[i];
  return to - from;
}

/** Bids or asks. */
export class BookSide {
  count = 0;
  order = Uint32Array.from({ length: FIRST_CELLS }, (_, cell) => cell);
  /** by cell: the texts, and their lengths */
  text = new Uint8Array(FIRST_CELLS * CELL_BYTES);
  priceLength = new Uint8Array(FIRST_CELLS);
  sizeLength = new Uint8Array(FIRST_CELLS);
  /** by cell: sum of its text and the number of bytes it covers, 0 until it is computed (checksum.ts) */
  sums = new Int32Array(FIRST_CELLS);
  summed = new Uint8Array(FIRST_CELLS);
  /** by cell: the price, negative for bids, so that the best comes first */
  private keys = new Float64Array(FIRST_CELLS);

  constructor(readonly sign: 1 | -1) {}

  /** Price of the level with this rank, 0 being the best. */
  price(rank: number): number {
    return this.keys[this.order[rank]] * this.sign;
  }

  /** Rank of the first level that is not better than `key`. */
  private rankOf(key: number): number {
    const { count, keys, order } = this;
    // a snapshot begins with the best
    if (count === 0 || keys[order[count - 1]] < key) return count;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (keys[order[middle]] < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The cell of this price, which may be a new one. */
  cellOf(price: number): number {
    const key = price * this.sign;
    const rank = this.rankOf(key);
    if (rank < this.count && this.keys[this.order[rank]] === key) return this.order[rank];
    if (this.count === this.order.length) this.grow();
    const { order } = this;
    const cell = order[this.count];
    if (rank < this.count) order.copyWithin(rank + 1, rank, this.count);
    order[rank] = cell;
    this.keys[cell] = key;
    this.count++;
    return cell;
  }

  remove(price: number): void {
    const { order } = this;
    const key = price * this.sign;
    const rank = this.rankOf(key);
    if (rank === this.count || this.keys[order[rank]] !== key) return;
    const cell = order[rank];
    order.copyWithin(rank, rank + 1, this.count);
    order[--this.count] = cell;
  }

  /** Cold: twice as many cells. */
  private grow(): void {
    const cells = this.order.length * 2;
    const copy = <A extends Uint8Array | Int32Array | Uint32Array | Float64Array>(made: A, old: A): A => {
      made.set(old);
      return made;
    };
    this.order = copy(
      Uint32Array.from({ length: cells }, (_, cell) => cell),
      this.order,
    );
    this.text = copy(new Uint8Array(cells * CELL_BYTES), this.text);
    this.priceLength = copy(new Uint8Array(cells), this.priceLength);
    this.sizeLength = copy(new Uint8Array(cells), this.sizeLength);
    this.sums = copy(new Int32Array(cells), this.sums);
    this.summed = copy(new Uint8Array(cells), this.summed);
    this.keys = copy(new Float64Array(cells), this.keys);
  }
}

export class LevelBook {
  readonly bids = new BookSide(-1);
  readonly asks = new BookSide(1);

  clear(): void {
    this.bids.count = 0;
    this.asks.count = 0;
  }

  /** The side of this BOOK_SIDE. */
  side(side: number): BookSide {
    return side === BOOK_SIDE.bid ? this.bids : this.asks;
  }

  /**
   * Sets the size at a price, both as digits; size 0 removes the level. False when one is no number, or so long that no
   * exchange could mean it. Who has read plain numbers before gives the value of the price and the digits of the size.
   */
  set(
    side: number,
    bytes: Uint8Array,
    priceFrom: number,
    priceTo: number,
    sizeFrom: number,
    sizeTo: number,
    knownPrice = -1,
    knownSize = -1,
  ): boolean {
    if (priceTo - priceFrom > CELL_SIZE || sizeTo - sizeFrom > CELL_SIZE) return false;
    const levels = this.side(side);
    let size = knownSize >= 0 ? knownSize : plainValue(bytes, sizeFrom, sizeTo);
    const sizeIsPlain = size >= 0;
    if (!sizeIsPlain) size = irregularValue(bytes, sizeFrom, sizeTo);
    let price = knownPrice >= 0 ? knownPrice : plainValue(bytes, priceFrom, priceTo);
    const priceIsPlain = price >= 0;
    if (!priceIsPlain) price = irregularValue(bytes, priceFrom, priceTo);
    if (Number.isNaN(price) || Number.isNaN(size)) return false;
    if (size === 0) {
      levels.remove(price);
      return true;
    }
    const cell = levels.cellOf(price);
    const at = cell * CELL_BYTES;
    levels.summed[cell] = 0;
    levels.priceLength[cell] = keep(levels.text, at, bytes, priceFrom, priceTo, priceIsPlain);
    levels.sizeLength[cell] = keep(levels.text, at + CELL_SIZE, bytes, sizeFrom, sizeTo, sizeIsPlain);
    return true;
  }

  /** Forgets what lies deeper than `depth` levels on each side. */
  trim(depth: number): void {
    if (this.bids.count > depth) this.bids.count = depth;
    if (this.asks.count > depth) this.asks.count = depth;
  }

  /** Whether the best bid is not below the best ask. */
  isCrossed(): boolean {
    const { bids, asks } = this;
    return bids.count > 0 && asks.count > 0 && bids.price(0) >= asks.price(0);
  }
}
