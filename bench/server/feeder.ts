/**
 * Sends the frames of one connection: as fast as the client takes them, or what a schedule says is due. Runs in the
 * server's process.
 *
 * A block is written and rendered again when the kernel has taken it, so what a slow client does not read holds up its
 * own connection alone; what is due there keeps the time it was scheduled for.
 */
import type { Socket } from 'node:net';
import type { HistogramWriter } from '../../src/counters/histogram.js';
import { clockUs } from '../clock.js';
import { Block, type Stream, type Totals } from './block.js';
import type { TimeForm } from './templates.js';

const BLOCKS = 4;
/** Time of what is sent as fast as possible: that of its sending. */
export const NOW = -1;

export class Feeder {
  private readonly socket: Socket;
  private readonly blocks: readonly Block[];
  private current = 0;
  /** pairs of scheduled time and messages that have not been written yet, from `head` on */
  private readonly due: number[] = [];
  private head = 0;
  private scheduled = false;
  /** messages that were handed to the socket and not taken by the kernel */
  private unsent = 0;
  /** microseconds between the scheduled time of messages and their write */
  late: HistogramWriter | undefined;
  private onDrained: () => void = () => {};

  constructor(
    socket: Socket,
    streams: readonly Stream[],
    wrapped: boolean,
    time: TimeForm,
    totals: Totals,
    seed: number,
  ) {
    this.socket = socket;
    this.blocks = Array.from(
      { length: BLOCKS },
      (_, i) => new Block(streams, wrapped, time, totals, seed * BLOCKS + i + 1),
    );
  }

  /** Resolves when nothing is due any more and the kernel has everything. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      if (this.idle) resolve();
      else this.onDrained = resolve;
    });
  }

  private get idle(): boolean {
    return this.head === this.due.length && this.unsent === 0;
  }

  /** `count` messages with the time `time_us`, or NOW. */
  send(count: number, time_us: number): void {
    this.due.push(time_us, count);
    this.pump();
  }

  private pump(): void {
    while (this.head < this.due.length) {
      const block = this.blocks[this.current];
      if (block.busy) return;
      const wanted = this.due[this.head + 1];
      const count = Math.min(wanted, block.frames - block.next);
      this.write(block, count, this.due[this.head]);
      if (count < wanted) this.due[this.head + 1] = wanted - count;
      else this.head += 2;
    }
    this.due.length = 0;
    this.head = 0;
  }

  private write(block: Block, count: number, time_us: number): void {
    const first = block.next;
    const now_us = clockUs();
    if (time_us !== NOW) this.late?.record(now_us - time_us, count);
    block.render(first, count, time_us === NOW ? now_us : time_us);
    block.next += count;
    const last = block.next === block.frames;
    if (last) {
      block.busy = true;
      block.next = 0;
      this.current = (this.current + 1) % BLOCKS;
    }
    this.unsent += count;
    const bytes = block.bytes.subarray(block.startOf(first), block.startOf(first + count));
    this.socket.write(bytes, () => {
      this.unsent -= count;
      if (last) {
        block.busy = false;
        this.pumpLater();
      }
      if (this.idle) this.onDrained();
    });
  }

  /** Lets the other connections and the process's input have their turn. */
  private pumpLater(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.pump();
    });
  }
}
