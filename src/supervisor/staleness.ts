/**
 * For how long things have not happened that should, or have not happened again that should not: what /health and the
 * watchdog are judged by. Main thread, sampled a few times a second.
 */
import { Heartbeat } from './heartbeat.js';

/** How often the counters are looked at: a disk that stops answering must show within a second. */
export const SAMPLE_MS = 200;

export interface StalenessTimes {
  /** seconds for which the writer's loop has not turned */
  readonly writerQuietSecs: number;
  /** seconds for which drained rows have been waiting without any being written */
  readonly unwrittenSecs: number;
  /** seconds since anything was dropped; Infinity when nothing ever was */
  readonly dropQuietSecs: number;
  /** seconds since files were found removed; Infinity when none ever were */
  readonly removalQuietSecs: number;
  /** seconds since files were found damaged; Infinity when none ever were */
  readonly damageQuietSecs: number;
  /** seconds since a segment of the journal could not be made durable; Infinity when that never was */
  readonly poisonQuietSecs: number;
}

interface Totals {
  readonly heartbeat: number;
  readonly rows_drained: number;
  readonly rows_written: number;
  readonly removals: number;
  readonly damages: number;
  readonly journal_poisoned: number;
}

/** Since when a number has been what it is. */
class Unchanged {
  private value: number | undefined;

  constructor(private sinceMs: number) {}

  secs(value: number, now: number): number {
    if (this.value !== undefined && value !== this.value) this.sinceMs = now;
    this.value = value;
    return (now - this.sinceMs) / 1000;
  }
}

export class Staleness {
  private readonly heartbeat = new Heartbeat(false);
  private written = 0;
  private writtenMs = 0;
  private readonly drops = new Unchanged(Number.NEGATIVE_INFINITY);
  private readonly removals = new Unchanged(Number.NEGATIVE_INFINITY);
  private readonly damages = new Unchanged(Number.NEGATIVE_INFINITY);
  private readonly poisonings = new Unchanged(Number.NEGATIVE_INFINITY);
  private samples = 0;

  /** The writer is about to start: nothing is late before now. */
  start(now: number): void {
    this.writtenMs = now;
  }

  /** One sample, every SAMPLE_MS. */
  sample({ heartbeat }: Totals): void {
    this.samples = this.heartbeat.sample(heartbeat);
  }

  /** Seconds for which the writer's loop has not turned. */
  get writerSecs(): number {
    return (this.samples * SAMPLE_MS) / 1000;
  }

  times(now: number, writer: Totals, dropped: number): StalenessTimes {
    if (writer.rows_written !== this.written || writer.rows_drained === writer.rows_written)
      [this.written, this.writtenMs] = [writer.rows_written, now];
    return {
      writerQuietSecs: this.writerSecs,
      unwrittenSecs: (now - this.writtenMs) / 1000,
      dropQuietSecs: this.drops.secs(dropped, now),
      removalQuietSecs: this.removals.secs(writer.removals, now),
      damageQuietSecs: this.damages.secs(writer.damages, now),
      poisonQuietSecs: this.poisonings.secs(writer.journal_poisoned, now),
    };
  }
}
