/**
 * HOT: the consumer's side of a ring. Writer thread only. take() shows the longest contiguous run of published
 * words; release() gives it back to the producer once its bytes are safe elsewhere.
 */
import { DATA_WORD, HEAD_WORD, TAIL_WORD } from './layout.js';

export class RingConsumer {
  readonly u32: Uint32Array;
  readonly capacity: number;
  private readonly control: Int32Array;
  private readonly mask: number;
  private head: number;
  /** index of the first word of the run that take() found */
  start = 0;
  /** words that were published behind it: at the beginning of the memory, when the run goes up to its end */
  behind = 0;

  constructor(ring: SharedArrayBuffer) {
    this.capacity = ring.byteLength / 4 - DATA_WORD;
    this.mask = this.capacity - 1;
    this.control = new Int32Array(ring, 0, DATA_WORD);
    this.u32 = new Uint32Array(ring, DATA_WORD * 4);
    this.head = Atomics.load(this.control, HEAD_WORD);
  }

  /** Length in words of the contiguous run of records that begins at `start`; 0 when nothing was published. */
  take(): number {
    const available = (Atomics.load(this.control, TAIL_WORD) - this.head) | 0;
    this.start = this.head & this.mask;
    const run = Math.min(available, this.capacity - this.start);
    this.behind = available - run;
    return run;
  }

  /** Gives the first `words` words of the run back to the producer. */
  release(words: number): void {
    this.head = (this.head + words) | 0;
    Atomics.store(this.control, HEAD_WORD, this.head);
  }

  /** Position behind everything that was published by now. */
  published(): number {
    return Atomics.load(this.control, TAIL_WORD);
  }

  /** Whether everything in front of a position was released. */
  hasReleased(position: number): boolean {
    return ((this.head - position) | 0) >= 0;
  }

  /** Words published and not released. */
  backlog(): number {
    return (Atomics.load(this.control, TAIL_WORD) - this.head) | 0;
  }
}
