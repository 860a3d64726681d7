/**
 * When the words of a ring were published: pairs of the ring's tail and the time, in memory that the thread of the shard
 * writes (stamped_shard.ts) and the thread behind the ring reads when all is over (feed.ts).
 */
import { TAIL_WORD } from '../../src/ring/layout.js';
import { clockUs } from '../clock.js';

/** Between a publication and its stamp. */
const STAMP_MS_MAX = 1000;
const COUNT_BYTES = 8;
const PAIR_BYTES = 16;

export function createStamps(most: number): SharedArrayBuffer {
  return new SharedArrayBuffer(COUNT_BYTES + most * PAIR_BYTES);
}

export class StampWriter {
  private readonly tail: Int32Array;
  private readonly count: Int32Array;
  private readonly pairs: Float64Array;
  private before: number;

  constructor(ring: SharedArrayBuffer, stamps: SharedArrayBuffer) {
    this.tail = new Int32Array(ring, TAIL_WORD * 4, 1);
    this.count = new Int32Array(stamps, 0, 1);
    this.pairs = new Float64Array(stamps, COUNT_BYTES);
    this.before = this.tail[0];
  }

  /** Behind every publication; what does not fit is missed by the reader. */
  stamp(): void {
    const tail = this.tail[0];
    if (tail === this.before) return;
    this.before = tail;
    const at = this.count[0] * 2;
    this.pairs[at] = tail;
    this.pairs[at + 1] = clockUs();
    Atomics.add(this.count, 0, 1);
  }
}

export class StampReader {
  private readonly count: Int32Array;
  private readonly pairs: Float64Array;
  private at = 0;

  constructor(stamps: SharedArrayBuffer) {
    this.count = new Int32Array(stamps, 0, 1);
    this.pairs = new Float64Array(stamps, COUNT_BYTES);
  }

  /** When the words in front of `position` were published; positions must not go down. */
  timeOf(position: number): number {
    // positions only grow, in 32 bits
    while (((this.tailOf(this.at) - position) | 0) < 0) this.at++;
    return this.pairs[this.at * 2 + 1];
  }

  /** A publication may be seen before its stamp. */
  private tailOf(stamp: number): number {
    for (const since = performance.now(); Atomics.load(this.count, 0) <= stamp; )
      if (performance.now() - since > STAMP_MS_MAX) throw new Error(`publication ${stamp} has no time`);
    if (stamp * 2 >= this.pairs.length) throw new Error('more publications than there is room for');
    return this.pairs[stamp * 2];
  }
}
