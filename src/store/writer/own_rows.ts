/**
 * Rows that come from no ring: gaps that the writer itself has found, and what the main thread knows of instruments. They
 * take the way of the others, through the journal, in turns of their own. Writer thread only.
 */
import { DRAIN, WRITER } from '../../counters/declarations.js';
import { STREAM_WORD } from '../../schema/layout.js';
import type { Staging } from './staging.js';

/** Rows of instruments per turn: nearly each opens a table-day, and the first list of an exchange brings hundreds. */
const INSTRUMENTS_PER_TURN = 16;

interface OwnRow {
  readonly record: Uint32Array;
  readonly ring: number;
}

export class OwnRows {
  private readonly gaps: OwnRow[] = [];
  private readonly instruments: Uint32Array[] = [];

  constructor(
    private readonly counters: Uint32Array,
    private readonly drains: readonly Uint32Array[],
    /** hands a record to the journal */
    private readonly append: (record: Uint32Array) => void,
  ) {}

  addGap(record: Uint32Array, ring: number): void {
    this.gaps.push({ record, ring });
  }

  get hasGaps(): boolean {
    return this.gaps.length > 0;
  }

  addInstruments(records: readonly Uint32Array[]): void {
    this.instruments.push(...records);
  }

  /** Stages all gaps and some instruments, with `last` all of them; what finds no room waits on. */
  stage(staging: Staging, last = false): void {
    const { gaps, instruments } = this;
    while (gaps.length > 0 && this.put(staging, gaps[0].record, gaps[0].ring)) gaps.shift();
    const count = last ? instruments.length : Math.min(instruments.length, INSTRUMENTS_PER_TURN);
    for (let n = 0; n < count; n++) {
      const [record] = instruments;
      if (!this.put(staging, record, staging.announced(record[STREAM_WORD]).ring)) return;
      instruments.shift();
    }
  }

  private put(staging: Staging, record: Uint32Array, ring: number): boolean {
    if (!staging.row(record, 0, ring)) return false;
    this.append(record);
    this.counters[WRITER.rows_drained]++;
    this.drains[ring][DRAIN.rows_drained]++;
    return true;
  }
}
