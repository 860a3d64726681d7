/**
 * A receive clock that is set back makes times of receipt that occur twice: nothing is missing, but who orders rows by
 * them must know. Each such step becomes a row of GAPS in every table that had received something. Shard threads, on
 * each tick.
 */
import type { WallClock } from '../../base/clock.js';
import type { Table } from '../../schema/layout.js';
import type { Gap } from './gap_log.js';

/** Who knows whether a stream has received anything. */
export interface Seen {
  readonly table: Table;
  seen(slot: number): boolean;
}

export class ClockSteps {
  private told = 0;

  constructor(private readonly clock: WallClock) {}

  /** Rows for the last step since the call before; none as a rule. */
  sample(slots: number, channels: () => Iterable<Seen>): Gap[] {
    const { setBacks, before, after } = this.clock;
    if (setBacks === this.told) return [];
    this.told = setBacks;
    const gaps: Gap[] = [];
    for (const channel of channels()) {
      for (let slot = 0; slot < slots; slot++) {
        if (!channel.seen(slot)) continue;
        gaps.push({
          slot,
          table: channel.table,
          cause: 'clock',
          fromId: 0,
          toId: 0,
          fromSeconds: before[0],
          fromNanos: before[1],
          toSeconds: after[0],
          toNanos: after[1],
          messages: 0,
        });
      }
    }
    return gaps;
  }
}
