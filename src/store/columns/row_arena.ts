/**
 * The memory of all rows that wait for their column files: records as they came, side by side in chunks, a chain of
 * chunks for each table-day. What is looked at for every row lies close together, so that a thousand table-days find
 * room in the cache, and what one of them has written is the next one's to fill. Writer thread, and recovery; stage()
 * is HOT, once per row.
 *
 *   slab    | chunk | chunk | …                       slabs come and go with what waits
 *   chunk   next chunk · record · record · …          chunk 0 is never used
 *   list    rows · place of the next row · rows for which there is room · first chunk · ring
 */
import { assert } from '../../base/errors.js';

const CHUNK_SHIFT = 10;
const CHUNK_WORDS = 1 << CHUNK_SHIFT;
const SLAB_SHIFT = 18;
const SLAB_WORDS = 1 << SLAB_SHIFT;
const SLAB_MASK = SLAB_WORDS - 1;
const CHUNK_BYTES = CHUNK_WORDS * 4;
const NO_WORDS = new Uint32Array(0);

const ROWS = 0;
const NEXT = 1;
const ROOM = 2;
const FIRST = 3;
const RING = 4;
/** Half a cache line. */
const LIST_WORDS = 8;
const FIRST_LISTS = 16;

interface Slab {
  readonly words: Uint32Array;
  /** first of the free chunks */
  free: number;
  chunksUsed: number;
  /** had rows since the last rest() */
  needed: boolean;
}

export type ChunkVisitor = (records: Uint32Array, from: number, rows: number) => void;

export class RowArena {
  private lists = new Int32Array(FIRST_LISTS * LIST_WORDS);
  private listsUsed = 0;
  private readonly slabs: (Slab | undefined)[] = [];
  /** of slabs, for who needs nothing else of them */
  private readonly words: Uint32Array[] = [];
  /** slab that has given the last chunk */
  private slab = 0;
  private chunksUsed = 0;

  /** Memory in which rows wait. */
  get bytes(): number {
    return this.chunksUsed * CHUNK_BYTES;
  }

  /** With what is kept for the next rows. */
  get heldBytes(): number {
    return this.words.reduce((bytes, { byteLength }) => bytes + byteLength, 0);
  }

  /** A new list of rows, most of which come from `ring`. Its number is never given to another one. */
  addList(ring: number): number {
    const list = this.listsUsed++;
    if (list * LIST_WORDS === this.lists.length) {
      const lists = new Int32Array(2 * this.lists.length);
      lists.set(this.lists);
      this.lists = lists;
    }
    this.lists[list * LIST_WORDS + RING] = ring;
    return list;
  }

  rows(list: number): number {
    return this.lists[list * LIST_WORDS + ROWS];
  }

  ring(list: number): number {
    return this.lists[list * LIST_WORDS + RING];
  }

  /** Copies a record of `size` words, the same for all of a list, to its end. */
  stage(list: number, words: Uint32Array, index: number, size: number): void {
    const { lists } = this;
    const at = list * LIST_WORDS;
    if (lists[at + ROOM] === 0) this.addChunk(at, size);
    const place = lists[at + NEXT];
    const records = this.words[place >>> SLAB_SHIFT];
    let to = place & SLAB_MASK;
    for (let from = index; from < index + size; from++) records[to++] = words[from];
    lists[at + NEXT] = place + size;
    lists[at + ROOM]--;
    lists[at + ROWS]++;
  }

  private addChunk(at: number, size: number): void {
    const { lists } = this;
    assert(size < CHUNK_WORDS, 'a record fits into a chunk');
    const chunk = this.takeChunk();
    if (lists[at + ROWS] === 0) lists[at + FIRST] = chunk;
    else this.link(lists[at + NEXT] - 1, chunk);
    lists[at + NEXT] = chunk + 1;
    lists[at + ROOM] = Math.floor((CHUNK_WORDS - 1) / size);
  }

  /** What comes behind the chunk in which `place` lies. */
  private link(place: number, chunk: number): void {
    const first = place & SLAB_MASK & ~(CHUNK_WORDS - 1);
    this.words[place >>> SLAB_SHIFT][first] = chunk;
  }

  private takeChunk(): number {
    let slab = this.slabs[this.slab];
    if (slab === undefined || slab.free === 0) slab = this.takeSlab();
    const chunk = slab.free;
    slab.free = slab.words[chunk & SLAB_MASK];
    slab.words[chunk & SLAB_MASK] = 0;
    slab.chunksUsed++;
    slab.needed = true;
    this.chunksUsed++;
    return chunk;
  }

  /** The first slab with a free chunk: those behind it become empty and can be given back. */
  private takeSlab(): Slab {
    const { slabs } = this;
    let n = slabs.findIndex((slab) => slab === undefined || slab.free > 0);
    if (n < 0) n = slabs.length;
    this.slab = n;
    return (slabs[n] ??= this.makeSlab(n));
  }

  private makeSlab(n: number): Slab {
    const words = new Uint32Array(SLAB_WORDS);
    const start = n * SLAB_WORDS;
    const first = start + (n === 0 ? CHUNK_WORDS : 0);
    for (let chunk = first; chunk + CHUNK_WORDS < start + SLAB_WORDS; chunk += CHUNK_WORDS)
      words[chunk - start] = chunk + CHUNK_WORDS;
    this.words[n] = words;
    return { words, free: first, chunksUsed: 0, needed: true };
  }

  /** Shows all rows of a list, oldest first: `rows` records from records[from] on, again and again. */
  visit(list: number, size: number, visitor: ChunkVisitor): void {
    const at = list * LIST_WORDS;
    const rowsMax = Math.floor((CHUNK_WORDS - 1) / size);
    let rows = this.lists[at + ROWS];
    for (let chunk = this.lists[at + FIRST]; rows > 0; rows -= rowsMax) {
      const records = this.words[chunk >>> SLAB_SHIFT];
      const from = chunk & SLAB_MASK;
      visitor(records, from + 1, Math.min(rows, rowsMax));
      chunk = records[from];
    }
  }

  /** A word of the oldest row of a list that has any. */
  oldest(list: number, word: number): number {
    return this.wordAt(this.lists[list * LIST_WORDS + FIRST] + 1 + word);
  }

  /** The same of the newest, of `size` words. */
  newest(list: number, size: number, word: number): number {
    return this.wordAt(this.lists[list * LIST_WORDS + NEXT] - size + word);
  }

  private wordAt(place: number): number {
    return this.words[place >>> SLAB_SHIFT][place & SLAB_MASK];
  }

  /** The rows of a list do not wait any more. */
  clear(list: number): void {
    const { lists, words, slabs } = this;
    const at = list * LIST_WORDS;
    if (lists[at + ROWS] === 0) return;
    for (let chunk = lists[at + FIRST]; chunk > 0; ) {
      const slab = slabs[chunk >>> SLAB_SHIFT] as Slab;
      const next = words[chunk >>> SLAB_SHIFT][chunk & SLAB_MASK];
      slab.words[chunk & SLAB_MASK] = slab.free;
      slab.free = chunk;
      slab.chunksUsed--;
      this.chunksUsed--;
      chunk = next;
    }
    lists[at + ROWS] = lists[at + ROOM] = 0;
  }

  /** Gives back what was not needed since the last call. */
  rest(): void {
    for (const [n, slab] of this.slabs.entries()) {
      if (slab === undefined) continue;
      if (slab.chunksUsed === 0 && !slab.needed) {
        this.slabs[n] = undefined;
        this.words[n] = NO_WORDS;
      } else slab.needed = slab.chunksUsed > 0;
    }
  }
}
