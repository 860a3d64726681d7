/**
 * HOT: remembers the newest ids of each stream, exactly, to recognise a trade that is sent again where ids do not count
 * up one by one: UUIDs, and numbers beyond 2^53 with gaps. Once per trade, in shard threads.
 *
 * Per stream a ring of ids and a hash over it with chains: heads[hash] is the newest id with that hash, next[] leads to
 * the older ones. The oldest id is the last of its chain, so forgetting it means cutting the chain. A stream without
 * trades costs address space alone, as memory that was never written to is not there yet.
 */
import { u64Words, uuidWords } from '../../base/exact.js';

/** Ids remembered per stream; a power of two. */
export const RECENT_IDS = 4096;
const MASK = RECENT_IDS - 1;

/** Positions are stored plus one, so that 0 means none. */
interface StreamIds {
  readonly words: Uint32Array;
  readonly heads: Uint16Array;
  readonly next: Uint16Array;
}

export class RecentIds {
  private readonly streams: StreamIds[] = [];
  /** ids added so far, up to RECENT_IDS, and where the next one goes */
  private counts = new Uint32Array(0);
  private cursors = new Uint32Array(0);

  /** `width`: words of an id, 2 for a u64 and 4 for a UUID. */
  constructor(readonly width: number) {}

  /** Makes room for `slots` streams. */
  resize(slots: number): void {
    if (slots <= this.streams.length) return;
    while (this.streams.length < slots) {
      this.streams.push({
        words: new Uint32Array(RECENT_IDS * this.width),
        heads: new Uint16Array(RECENT_IDS),
        next: new Uint16Array(RECENT_IDS),
      });
    }
    const { counts, cursors } = this;
    this.counts = new Uint32Array(slots);
    this.counts.set(counts);
    this.cursors = new Uint32Array(slots);
    this.cursors.set(cursors);
  }

  /** Remembers the id in words[at, at + width); false when it is among the remembered ones. */
  add(slot: number, words: Uint32Array, at: number): boolean {
    const { width } = this;
    const ids = this.streams[slot];
    const hash = this.hash(words, at);
    for (let p = ids.heads[hash]; p !== 0; p = ids.next[p - 1])
      if (this.same(ids.words, (p - 1) * width, words, at)) return false;
    const position = this.cursors[slot];
    if (this.counts[slot] === RECENT_IDS) this.forget(ids, position);
    else this.counts[slot]++;
    for (let w = 0; w < width; w++) ids.words[position * width + w] = words[at + w];
    ids.next[position] = ids.heads[hash];
    ids.heads[hash] = position + 1;
    this.cursors[slot] = (position + 1) & MASK;
    return true;
  }

  /** Whether the id in words[at, at + width) is the one that was remembered last. */
  isNewest(slot: number, words: Uint32Array, at: number): boolean {
    if (this.counts[slot] === 0) return false;
    return this.same(this.streams[slot].words, ((this.cursors[slot] - 1) & MASK) * this.width, words, at);
  }

  /** Cold: the words of an id as text: a number in decimal digits, a UUID in 32 hexadecimal ones. */
  wordsOf(id: string): Uint32Array | undefined {
    const words = this.width === 2 ? u64Words(id) : uuidWords(id);
    return words && Uint32Array.from(words);
  }

  /** Cold: whether the id in words[at, at + width) is remembered. */
  has(slot: number, words: Uint32Array, at: number): boolean {
    const ids = this.streams[slot];
    for (let p = ids.heads[this.hash(words, at)]; p !== 0; p = ids.next[p - 1])
      if (this.same(ids.words, (p - 1) * this.width, words, at)) return true;
    return false;
  }

  /** Cold: the id that was remembered before the newest one; undefined when there is none. */
  beforeNewest(slot: number): Uint32Array | undefined {
    if (this.counts[slot] < 2) return undefined;
    const at = ((this.cursors[slot] - 2) & MASK) * this.width;
    return this.streams[slot].words.slice(at, at + this.width);
  }

  /** Cold: the newest ids of a slot, at most so many; their words, joined by commas. */
  newest(slot: number, count: number): Set<string> {
    const { width } = this;
    const { words } = this.streams[slot];
    const newest = new Set<string>();
    for (let age = 1; age <= Math.min(count, this.counts[slot]); age++) {
      const at = ((this.cursors[slot] - age) & MASK) * width;
      newest.add(words.slice(at, at + width).join());
    }
    return newest;
  }

  /** Cold: remembers an id, which was not, in front of the newest one. */
  addOlder(slot: number, words: Uint32Array, at: number): void {
    if (this.counts[slot] === 0) {
      this.add(slot, words, at);
      return;
    }
    const ids = this.streams[slot];
    const position = (this.cursors[slot] - 1) & MASK;
    const newest = ids.words.slice(position * this.width, (position + 1) * this.width);
    // the newest one is the first of its chain
    ids.heads[this.hash(newest, 0)] = ids.next[position];
    this.cursors[slot] = position;
    this.counts[slot]--;
    this.add(slot, words, at);
    this.add(slot, newest, 0);
  }

  /** Cuts the oldest id, at `position`, off its chain. */
  private forget(ids: StreamIds, position: number): void {
    const hash = this.hash(ids.words, position * this.width);
    let p = ids.heads[hash];
    if (p === position + 1) {
      ids.heads[hash] = 0;
      return;
    }
    while (ids.next[p - 1] !== position + 1) p = ids.next[p - 1];
    ids.next[p - 1] = 0;
  }

  private same(a: Uint32Array, atA: number, b: Uint32Array, atB: number): boolean {
    for (let w = 0; w < this.width; w++) if (a[atA + w] !== b[atB + w]) return false;
    return true;
  }

  private hash(words: Uint32Array, at: number): number {
    let hash = 0;
    for (let w = 0; w < this.width; w++) hash = Math.imul(hash ^ words[at + w], 0x9e3779b1) ^ (hash >>> 15);
    return (hash ^ (hash >>> 13) ^ (hash >>> 21)) & MASK;
  }
}
