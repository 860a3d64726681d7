/**
 * How far the journal has come, in shared memory: written by the writer thread, read by threads that follow the journal.
 * They sleep on a bell, so that neither of them looks for news where there are none.
 *
 *   byte 0    i32  bell: counts the changes; followers wait on it
 *   byte 8    u64  newest durable block
 *   byte 16   u64  newest block that a checkpoint covers
 */
const BELL = 0;
const DURABLE = 1;
const CHECKPOINT = 2;
const BYTES = 24;

export function createProgress(): SharedArrayBuffer {
  return new SharedArrayBuffer(BYTES);
}

/** The writer's side. */
export class ProgressWriter {
  private readonly bell: Int32Array;
  private readonly sequences: BigUint64Array;

  constructor(memory: SharedArrayBuffer) {
    this.bell = new Int32Array(memory);
    this.sequences = new BigUint64Array(memory);
  }

  durable(sequence: number): void {
    this.publish(DURABLE, sequence);
  }

  /** The file of the checkpoint is there. */
  checkpoint(sequence: number): void {
    this.publish(CHECKPOINT, sequence);
  }

  private publish(which: number, sequence: number): void {
    Atomics.store(this.sequences, which, BigInt(sequence));
    Atomics.add(this.bell, BELL, 1);
    Atomics.notify(this.bell, BELL);
  }
}

/** A follower's side. */
export class ProgressReader {
  private readonly bell: Int32Array;
  private readonly sequences: BigUint64Array;
  /** the bell as it was at the last look at a sequence */
  private seen = 0;

  constructor(memory: SharedArrayBuffer) {
    this.bell = new Int32Array(memory);
    this.sequences = new BigUint64Array(memory);
  }

  /** Newest durable block; news after this call end the next rest(). */
  durable(): number {
    this.seen = Atomics.load(this.bell, BELL);
    return Number(Atomics.load(this.sequences, DURABLE));
  }

  checkpoint(): number {
    return Number(Atomics.load(this.sequences, CHECKPOINT));
  }

  /** Resolves when something has changed since the last call of durable(), and after `milliseconds` in any case. */
  async rest(milliseconds: number): Promise<void> {
    const { async, value } = Atomics.waitAsync(this.bell, BELL, this.seen, milliseconds);
    if (!async) return;
    // a promise of Atomics alone does not keep a thread alive
    const alive = setInterval(() => {}, milliseconds);
    await value;
    clearInterval(alive);
  }
}
