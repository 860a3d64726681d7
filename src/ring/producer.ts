/**
 * HOT: the producer's side of a ring, one claim and one commit per row, one publish per chunk of frames. Shard
 * threads only. Nothing here allocates, and a full ring is a return value, not an error.
 *
 * Order of calls: claim(words) → write the record → commit(words), any number of times, then publish(). A claim that
 * is not committed leaves no trace, nor does what rewind() takes back. Nothing is visible to the consumer before publish().
 */
import { assert } from '../base/errors.js';
import { headerWord, PADDING_TABLE_ID } from '../schema/layout.js';
import { DATA_WORD, DOORBELL, HEAD_WORD, SLEEP, TAIL_WORD } from './layout.js';

const PADDING = headerWord(PADDING_TABLE_ID, 0);

export class RingProducer {
  /** the data as integers; indices come from claim() */
  readonly u32: Uint32Array;
  /** the same bytes as floats */
  readonly f32: Float32Array;
  readonly capacity: number;
  private readonly control: Int32Array;
  private readonly doorbell: Int32Array;
  private readonly mask: number;
  private readonly wakeAt: number;
  private tail: number;
  private published: number;
  private cachedHead: number;

  constructor(ring: SharedArrayBuffer, doorbell: SharedArrayBuffer) {
    this.capacity = ring.byteLength / 4 - DATA_WORD;
    this.mask = this.capacity - 1;
    this.wakeAt = this.capacity >>> 3;
    this.control = new Int32Array(ring, 0, DATA_WORD);
    this.doorbell = new Int32Array(doorbell);
    this.u32 = new Uint32Array(ring, DATA_WORD * 4);
    this.f32 = new Float32Array(ring, DATA_WORD * 4);
    this.tail = Atomics.load(this.control, TAIL_WORD);
    this.published = this.tail;
    this.cachedHead = Atomics.load(this.control, HEAD_WORD);
  }

  /** Words that can be claimed now; the shared head is read only when the cached one is not enough for `wanted`. */
  free(wanted: number): number {
    let free = this.capacity - ((this.tail - this.cachedHead) | 0);
    if (free < wanted) {
      this.cachedHead = Atomics.load(this.control, HEAD_WORD);
      free = this.capacity - ((this.tail - this.cachedHead) | 0);
    }
    return free;
  }

  /** Index of `words` contiguous words to write a record to, or -1 when the ring is full. */
  claim(words: number): number {
    const index = this.tail & this.mask;
    const toEnd = this.capacity - index;
    if (words <= toEnd) return this.free(words) >= words ? index : -1;
    if (this.free(toEnd + words) < toEnd + words) return -1;
    // the size of padding is implied: everything up to the end of the data
    this.u32[index] = PADDING;
    this.tail = (this.tail + toEnd) | 0;
    return 0;
  }

  /** What has been committed so far, to be handed to rewind(). */
  get position(): number {
    return this.tail;
  }

  /** Cold: takes back what was committed since then and has not been published. */
  rewind(position: number): void {
    assert(((position - this.published) | 0) >= 0, 'what was published is not taken back');
    this.tail = position;
  }

  /** Keeps the record written to the last claim. */
  commit(words: number): void {
    this.tail = (this.tail + words) | 0;
  }

  /** Shows everything committed to the consumer; wakes it when it rests, or naps while the ring fills. */
  publish(): void {
    if (this.tail === this.published) return;
    this.published = this.tail;
    Atomics.store(this.control, TAIL_WORD, this.tail);
    const sleep = Atomics.load(this.doorbell, DOORBELL.sleeping);
    if (sleep === SLEEP.awake || (sleep === SLEEP.nap && !this.fills())) return;
    Atomics.add(this.doorbell, DOORBELL.rings, 1);
    Atomics.notify(this.doorbell, DOORBELL.rings);
  }

  /** Whether so much waits that it should not wait for more. */
  private fills(): boolean {
    if (((this.tail - this.cachedHead) | 0) < this.wakeAt) return false;
    this.cachedHead = Atomics.load(this.control, HEAD_WORD);
    return ((this.tail - this.cachedHead) | 0) >= this.wakeAt;
  }

  /** Fill of the ring between 0 and 1. */
  fill(): number {
    this.cachedHead = Atomics.load(this.control, HEAD_WORD);
    return ((this.tail - this.cachedHead) | 0) / this.capacity;
  }
}
