/**
 * What a protocol's compose() gets: where to write the frame, how many events it holds, and the ledger it
 * names each of them to. One per engine, filled anew for every frame.
 * HOT: record() runs per event. Runs in the simulator process; made by server/engine.ts.
 */

import type { Slab } from './bytes.js';
import { EventValues, LEDGER_FLAGS, type LedgerStream } from './ledger.js';

export class Frame {
  /** microseconds since 1970 UTC */
  now_us = 0;
  view: DataView;
  slab: Slab;
  slot = 0;
  /** first byte of the frame in `view` */
  start = 0;
  /** trades that the frame holds: the newest of the market; candles of a snapshot */
  count = 1;
  /** the answer to a subscription, state or history, not a change */
  snapshot = false;
  /** whether rows of the book are levels of a whole book */
  whole = false;
  /** a checksum is to be wrong */
  corrupt = false;
  /** the values that the next record() puts into the ledger */
  readonly event = new EventValues();
  /** events recorded by this frame */
  events = 0;
  stream: LedgerStream | undefined;
  delivered = 0;
  flags = 0;
  /** levels that clients keep per side, for books that they cut themselves */
  window = 0;

  constructor(slab: Slab) {
    this.slab = slab;
    this.view = slab.view;
  }

  /** Puts one event (of the book: one level) into the ledger, as `event` describes it. */
  record(): void {
    let { flags } = this;
    if (this.whole) {
      flags |= LEDGER_FLAGS.snapshot;
      if (this.events === 0) flags |= LEDGER_FLAGS.snapshot_start;
    }
    this.events++;
    this.stream?.record(this.event, this.now_us, this.delivered, flags);
  }

  /** As record(), for one level of the book; `checksum` belongs to the event's last level, 0 to all others. */
  recordLevel(side: number, checksum = 0): void {
    this.event.side = side;
    this.event.digits[2] = checksum + this.window * 4294967296;
    this.record();
  }

  /** The part of the frame that is sent without its wrapper. */
  setInner(from: number, to: number): void {
    this.slab.inner_from[this.slot] = from - this.start;
    this.slab.inner_bytes[this.slot] = to - from;
  }
}
