/**
 * HOT: separates what an exchange sends again on subscribing from what happens now, where the message does not say so:
 * the first trade of a symbol on a connection, if it is older than the subscription. Shard threads.
 */
import { TIME } from '../../base/time.js';
import type { RowWriter } from '../rows/row_writer.js';
import type { StreamIndex } from '../rows/streams.js';

const NOT_ASKED = Number.POSITIVE_INFINITY;
const FIRST_SEEN = -1;

export class History {
  /** by slot: when the subscription was acknowledged, seconds since 1970, until the first trade has come */
  private since = new Float64Array(0);

  constructor(
    private readonly rows: RowWriter,
    private readonly streams: StreamIndex,
  ) {}

  /** Whether the trade with the time in TIME is history; asked once per trade. */
  isOld(slot: number): boolean {
    if (slot >= this.since.length) this.grow();
    const since = this.since[slot];
    this.since[slot] = FIRST_SEEN;
    return TIME[0] + TIME[1] / 1e9 < since;
  }

  /** Whether no trade of the slot can be history any more. */
  isOver(slot: number): boolean {
    return slot < this.since.length && this.since[slot] === FIRST_SEEN;
  }

  /** Cold: the subscription is in force from now on. */
  acknowledged(slot: number): void {
    if (slot >= this.since.length) this.grow();
    const { received } = this.rows;
    if (this.since[slot] === NOT_ASKED) this.since[slot] = received[0] + received[1] / 1e9;
  }

  /** Cold: a new connection begins. */
  reset(): void {
    this.since.fill(NOT_ASKED);
  }

  /** Cold: room for all streams. */
  private grow(): void {
    const grown = new Float64Array(this.streams.size).fill(NOT_ASKED);
    grown.set(this.since);
    this.since = grown;
  }
}
