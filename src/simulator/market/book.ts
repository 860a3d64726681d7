/**
 * The order book of one symbol: a bounded number of levels per side around the last price. Makers add, change and
 * remove levels, takers eat them. Keeps what has changed since the last event of the book channel, and a hash of the
 * whole book that a comparison can compute from the digits on disk.
 * HOT: one operation or more per message; allocates nothing.
 * Runs in the simulator process; owned by market.ts.
 */
import type { Listing } from './catalogue.js';
import { mix32, type Random } from './random.js';

export const BID = 0;
export const ASK = 1;

/** What the clients of an exchange hold of a book. */
export interface BookShape {
  /** levels per side; absent: all */
  readonly window?: number;
  /** a level pushed out of the window is forgotten without a word (Kraken) instead of being removed */
  readonly truncates?: boolean;
  /** every event is the whole window (Upbit, partial depth) */
  readonly whole?: boolean;
  /** the protocol's own number of this variant; who asks for another one while it lasts gets nothing */
  readonly tag?: number;
}

/** A book for readers: levels by rank, 0 = best. */
export interface Levels {
  /** update id of this state */
  readonly id: number;
  /** see levelHash */
  readonly hash: number;
  count(side: number): number;
  price(side: number, rank: number): number;
  size(side: number, rank: number): number;
}

/** Changed prices per side that one event can hold. */
export const CHANGES_MAX = 64;
/** From here on the next event of the symbol is one of the book. */
const CHANGES_URGENT = 40;
const DROPPED_MAX = 16;
const DROPPED_URGENT = 8;
/** Beyond this spread the next maker steps into it. */
const SPREAD_MAX = 12;

/** Part of a level in the hash of a book; the same for every spelling of the same numbers. */
export function levelHash(
  side: number,
  price: number,
  price_scale: number,
  size: number,
  size_scale: number,
): number {
  while (price_scale > 0 && price % 10 === 0) {
    price /= 10;
    price_scale--;
  }
  while (size_scale > 0 && size % 10 === 0) {
    size /= 10;
    size_scale--;
  }
  const price_hash = mix32((price >>> 0) ^ mix32(price / 4294967296 + price_scale * 65536));
  const size_hash = mix32((size >>> 0) ^ mix32(size / 4294967296 + size_scale * 65536 + side));
  return mix32(price_hash ^ Math.imul(size_hash, 0x9e3779b1)) | 0;
}

export class Book {
  readonly #listing: Listing;
  readonly #random: Random;
  readonly #capacity: number;
  /** both sides one after the other, worst level first; asks with negative price, so that larger is better */
  readonly #keys: Int32Array;
  readonly #sizes: Int32Array;
  /** part of each level in the hash of the book, from track() on */
  readonly #hashes: Int32Array;
  readonly #counts = new Int32Array(2);
  /** where the worst level of each side is: there is room on both ends, so that levels come and go at either */
  readonly #from = new Int32Array(2);
  /** prices changed since the last event, per side */
  readonly #changed = new Int32Array(2 * CHANGES_MAX);
  readonly #changes = new Int32Array(2);
  /** levels that fell out of the window since the last event, per side, the best last */
  readonly #dropped_keys = new Int32Array(2 * DROPPED_MAX);
  readonly #dropped_sizes = new Int32Array(2 * DROPPED_MAX);
  readonly #dropped = new Int32Array(2);
  #levels_max: number;
  #tracking = false;
  #truncates = false;
  #hash = 0;
  whole = false;
  tag = 0;
  bid = 0;
  bid_size = 0;
  ask = 0;
  ask_size = 0;

  constructor(listing: Listing, random: Random, levels: number) {
    this.#listing = listing;
    this.#random = random;
    this.#levels_max = levels;
    this.#capacity = 2 * levels + 16;
    this.#from.set([this.#capacity >> 1, this.#capacity + (this.#capacity >> 1)]);
    this.#keys = new Int32Array(2 * this.#capacity);
    this.#sizes = new Int32Array(2 * this.#capacity);
    this.#hashes = new Int32Array(2 * this.#capacity);
    this.#place(BID, listing.price_ticks);
    this.#place(ASK, listing.price_ticks + 1);
    while (this.#counts[BID] < levels && this.#append(BID));
    while (this.#counts[ASK] < levels && this.#append(ASK));
    this.#best();
  }

  /** The book channel begins: from here on changes are kept. A smaller window forgets the levels behind it. */
  track(shape: BookShape): void {
    this.#levels_max = Math.max(1, Math.min(this.#levels_max, shape.window ?? this.#levels_max));
    this.#truncates = shape.truncates ?? false;
    this.whole = shape.whole ?? false;
    this.tag = shape.tag ?? 0;
    for (const side of [BID, ASK]) while (this.#counts[side] > this.#levels_max) this.#cut(side);
    this.#hash = 0;
    this.#tracking = true;
    for (const side of [BID, ASK])
      for (let at = this.#from[side]; at < this.#end(side); at++) this.#countIn(side, at);
    this.settle();
  }

  /** Levels per side that a client may hold; 0 when it need not cut anything. */
  get truncated_to(): number {
    return this.#truncates ? this.#levels_max : 0;
  }

  get hash(): number {
    return this.#hash | 0;
  }

  /** Whether an event of the book must come before anything else changes it much. */
  get urgent(): boolean {
    return (
      this.#changes[BID] >= CHANGES_URGENT ||
      this.#changes[ASK] >= CHANGES_URGENT ||
      this.#dropped[BID] >= DROPPED_URGENT ||
      this.#dropped[ASK] >= DROPPED_URGENT
    );
  }

  /** Whether an event of the book has any content. */
  get changed(): boolean {
    return this.#changes[BID] + this.#changes[ASK] > 0;
  }

  count(side: number): number {
    return this.#counts[side];
  }

  /** Price of a level by rank, 0 = best. */
  price(side: number, rank: number): number {
    const key = this.#keys[this.#from[side] + this.#counts[side] - 1 - rank];
    return side === BID ? key : -key;
  }

  size(side: number, rank: number): number {
    return this.#sizes[this.#from[side] + this.#counts[side] - 1 - rank];
  }

  /** How many prices of a side have changed since the last event. */
  changes(side: number): number {
    return this.#changes[side];
  }

  changedPrice(side: number, index: number): number {
    return this.#changed[side * CHANGES_MAX + index];
  }

  /** Size at a changed price now, 0 when the level is gone. */
  changedSize(side: number, index: number): number {
    const price = this.changedPrice(side, index);
    const at = this.#find(side, side === BID ? price : -price);
    return at < 0 ? 0 : this.#sizes[at];
  }

  /** The changes were sent. */
  settle(): void {
    this.#changes[BID] = 0;
    this.#changes[ASK] = 0;
    this.#dropped[BID] = 0;
    this.#dropped[ASK] = 0;
  }

  /** A taker buys from the asks (or sells to the bids) at the best price; answers how much of `lots` there was. */
  take(buys: boolean, lots: number): number {
    const side = buys ? ASK : BID;
    const at = this.#from[side] + this.#counts[side] - 1;
    const there = this.#sizes[at];
    if (there > lots) {
      this.#resize(side, at, there - lots);
    } else {
      this.#remove(side, at);
      this.#refill(side);
    }
    this.#best();
    return there > lots ? lots : there;
  }

  /** One maker's step. */
  make(): void {
    const r = this.#random.next();
    const side = r & 1;
    const kind = (r >>> 1) & 15;
    if (this.ask - this.bid > SPREAD_MAX) this.#improve(side);
    else if (kind < 4) this.#move(r >>> 5);
    else {
      const count = this.#counts[side];
      const depth = (((r >>> 5) & 3) + ((r >>> 7) & 3) * Math.clz32(this.#random.next() << 1)) % count;
      const at = this.#from[side] + count - 1 - depth;
      if (kind < 10) this.#resize(side, at, this.#lots());
      else if (kind < 13) this.#insertBehind(side, at);
      else if (count > 2 && (depth > 0 || this.ask - this.bid < 4)) {
        this.#remove(side, at);
        this.#refill(side);
      }
    }
    this.#best();
  }

  #lots(): number {
    return 1 + (this.#random.next() % this.#listing.size_lots_max);
  }

  #best(): void {
    const bid = this.#from[BID] + this.#counts[BID] - 1;
    const ask = this.#from[ASK] + this.#counts[ASK] - 1;
    this.bid = this.#keys[bid];
    this.bid_size = this.#sizes[bid];
    this.ask = -this.#keys[ask];
    this.ask_size = this.#sizes[ask];
  }

  /** The best prices move a tick or two; the walk turns round at half and at one and a half times the first price. */
  #move(r: number): void {
    const first = this.#listing.price_ticks;
    const away = this.bid - first;
    const up = Math.abs(away) * 2 > first ? away < 0 : (r & 1) === 1;
    const ticks = 1 + ((r >>> 1) & 1);
    if (up) {
      const price = this.bid + ticks;
      this.#clear(ASK, price);
      this.#place(BID, price);
    } else if (this.ask > ticks + 1) {
      const price = this.ask - ticks;
      this.#clear(BID, price);
      this.#place(ASK, price);
    }
  }

  /** Removes the levels that an order at `price` would meet. */
  #clear(side: number, price: number): void {
    const key = side === BID ? price : -price;
    let at = this.#from[side] + this.#counts[side] - 1;
    while (this.#counts[side] > 0 && this.#keys[at] >= key) {
      this.#remove(side, at);
      at--;
    }
    // what fell out since the last event is still in the clients' books
    while (this.#dropped[side] > 0) {
      const dropped = this.#dropped_keys[side * DROPPED_MAX + this.#dropped[side] - 1];
      if (dropped < key) break;
      this.#note(side, dropped);
      this.#dropped[side]--;
    }
    if (this.#counts[side] === 0 && this.#dropped[side] === 0)
      this.#place(side, side === BID ? price - 1 : price + 1);
    this.#refill(side);
  }

  #improve(side: number): void {
    this.#place(side, side === BID ? this.bid + 1 + (SPREAD_MAX >> 1) : this.ask - 1 - (SPREAD_MAX >> 1));
  }

  /** A new level one tick behind an existing one, or a new size when there is one. */
  #insertBehind(side: number, at: number): void {
    const key = this.#keys[at] - 1;
    const last = this.#from[side];
    if (key === 0 || (at === last && this.#counts[side] >= this.#levels_max)) return;
    if (at > last && this.#keys[at - 1] === key) this.#resize(side, at - 1, this.#lots());
    else this.#place(side, side === BID ? key : -key);
  }

  /** Sets a new level; the worst falls out when there is no room. */
  #place(side: number, price: number): void {
    const key = side === BID ? price : -price;
    const from = this.#from[side];
    let at = from + this.#counts[side];
    while (at > from && this.#keys[at - 1] >= key) at--;
    if (at < from + this.#counts[side] && this.#keys[at] === key) return;
    this.#insert(side, at, key, this.#lots());
    if (this.#counts[side] > this.#levels_max) this.#cut(side);
  }

  /** The worst level of a full side goes. */
  #cut(side: number): void {
    const from = this.#from[side];
    if (!this.#truncates || !this.#tracking) {
      this.#remove(side, from);
      return;
    }
    const at = side * DROPPED_MAX + this.#dropped[side]++;
    this.#dropped_keys[at] = this.#keys[from];
    this.#dropped_sizes[at] = this.#sizes[from];
    this.#delete(side, from);
  }

  /** Levels come back from outside the window, or new ones are set far away. */
  #refill(side: number): void {
    const full = this.#truncates || this.whole;
    const low = full ? this.#levels_max : this.#levels_max - (this.#levels_max >> 2);
    while (this.#counts[side] < low && this.#append(side));
  }

  #append(side: number): boolean {
    const from = this.#from[side];
    if (this.#dropped[side] > 0) {
      // still in the clients' books: nothing worse may come before it
      const at = side * DROPPED_MAX + --this.#dropped[side];
      this.#insert(side, from, this.#dropped_keys[at], this.#dropped_sizes[at]);
      return true;
    }
    const key = this.#keys[from] - 1 - (this.#random.next() & 3);
    if (side === BID && key < 1) return false;
    this.#insert(side, from, key, this.#lots());
    return true;
  }

  /** Place of a level, -1 when there is none. */
  #find(side: number, key: number): number {
    let low = this.#from[side];
    let high = low + this.#counts[side] - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const there = this.#keys[middle];
      if (there === key) return middle;
      if (there < key) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** Takes a level into the hash. */
  #countIn(side: number, at: number): void {
    if (!this.#tracking) return;
    const key = this.#keys[at];
    const { price_scale, size_scale } = this.#listing;
    const hash = levelHash(side, side === BID ? key : -key, price_scale, this.#sizes[at], size_scale);
    this.#hashes[at] = hash;
    this.#hash = (this.#hash + hash) | 0;
  }

  /** Takes a level out of the hash. */
  #countOut(at: number): void {
    if (this.#tracking) this.#hash = (this.#hash - this.#hashes[at]) | 0;
  }

  #note(side: number, key: number): void {
    if (!this.#tracking) return;
    const price = side === BID ? key : -key;
    const from = side * CHANGES_MAX;
    const end = from + this.#changes[side];
    for (let i = from; i < end; i++) if (this.#changed[i] === price) return;
    if (end - from === CHANGES_MAX) throw new Error('more changes of a book than an event can hold');
    this.#changed[end] = price;
    this.#changes[side]++;
  }

  #resize(side: number, at: number, size: number): void {
    this.#countOut(at);
    this.#sizes[at] = size;
    this.#countIn(side, at);
    this.#note(side, this.#keys[at]);
  }

  /** A level in front of the one at `at`. */
  #insert(side: number, before: number, key: number, size: number): void {
    let at = before;
    const worst = at === this.#from[side];
    if (worst ? at === side * this.#capacity : this.#end(side) === (side + 1) * this.#capacity)
      at += this.#centre(side);
    const end = this.#end(side);
    this.#counts[side]++;
    if (worst) {
      at--;
      this.#from[side]--;
    } else {
      for (let i = end; i > at; i--) {
        this.#keys[i] = this.#keys[i - 1];
        this.#sizes[i] = this.#sizes[i - 1];
        this.#hashes[i] = this.#hashes[i - 1];
      }
    }
    this.#keys[at] = key;
    this.#sizes[at] = size;
    this.#countIn(side, at);
    this.#note(side, key);
  }

  /** Behind the best level. */
  #end(side: number): number {
    return this.#from[side] + this.#counts[side];
  }

  /** Moves a side to the middle of its room; answers by how much. */
  #centre(side: number): number {
    const from = this.#from[side];
    const middle = side * this.#capacity + ((this.#capacity - this.#counts[side]) >> 1);
    this.#keys.copyWithin(middle, from, this.#end(side));
    this.#sizes.copyWithin(middle, from, this.#end(side));
    this.#hashes.copyWithin(middle, from, this.#end(side));
    this.#from[side] = middle;
    return middle - from;
  }

  #remove(side: number, at: number): void {
    this.#note(side, this.#keys[at]);
    this.#delete(side, at);
  }

  #delete(side: number, at: number): void {
    this.#countOut(at);
    this.#counts[side]--;
    // the price of the only level stays where it was, for the one that takes its place
    if (at === this.#from[side]) {
      if (this.#counts[side] > 0) this.#from[side]++;
      return;
    }
    const end = this.#end(side);
    for (let i = at; i < end; i++) {
      this.#keys[i] = this.#keys[i + 1];
      this.#sizes[i] = this.#sizes[i + 1];
      this.#hashes[i] = this.#hashes[i + 1];
    }
  }
}
