/**
 * Rows of GAPS on their way to the ring: a gap shows itself in the middle of writing a row, so its own row has to wait
 * for the end of the chunk, and for room when the ring is full. What has no place among those that wait goes, the oldest
 * first, and is counted. Shard threads.
 */
import { SESSION } from '../../counters/declarations.js';
import type { GapValues } from '../../schema/gap.js';
import type { Table } from '../../schema/layout.js';

/** A gap in a table of one symbol, as it goes to GAPS. */
export interface Gap extends Omit<GapValues, 'tableId'> {
  readonly slot: number;
  readonly table: Table;
}

/** Rows that wait for room in the ring. */
export const WAITING_GAPS_MAX = 65_536;

export class GapLog {
  private readonly waiting: Gap[] = [];

  constructor(
    private readonly counters: Uint32Array,
    /** writes a row; false when the ring has no room */
    private readonly write: (gap: Gap) => boolean,
    /** the first of those that go unlisted */
    private readonly overflow: () => void,
    /** takes it up, to fetch what is missing; false when that cannot be had */
    private readonly repair: (gap: Gap) => boolean = () => false,
  ) {}

  add(gap: Gap): void {
    this.counters[SESSION.gaps]++;
    this.counters[SESSION.missing] += gap.messages;
    this.note(this.repair(gap) ? gap : { ...gap, state: 'unrepairable' });
  }

  /** Something to be listed that is no gap. */
  note(gap: Gap): void {
    const { counters, waiting } = this;
    waiting.push(gap);
    if (waiting.length <= WAITING_GAPS_MAX) return;
    waiting.shift();
    if (counters[SESSION.gaps_unlisted]++ === 0) this.overflow();
  }

  flush(): void {
    const { waiting } = this;
    if (waiting.length === 0) return;
    let written = 0;
    while (written < waiting.length && this.write(waiting[written])) written++;
    waiting.splice(0, written);
  }
}
