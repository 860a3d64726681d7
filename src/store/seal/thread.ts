/**
 * Drives the sealer on a thread of its own, with the lowest priority the system has and long pauses, so that capture
 * does not notice: passes begin when a day has become closed, and once an hour for rows that came late and for what
 * failed. Sleeps between its steps; its system calls block no other thread.
 */
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import { monotonicMs } from '../../base/clock.js';
import type { StoreIo } from '../disk/io.js';
import { newestClosedDay } from './file.js';
import { Sealer } from './sealer.js';

export interface SealerInit {
  readonly dataPath: string;
  /** the writer keeps a journal: nothing is sealed that a redo could still change */
  readonly journal: boolean;
  /** how far from now the event time of a row may be */
  readonly clockSkewSecs: number;
  readonly counters: SharedArrayBuffer;
}

/** Sealer to supervisor. `cover`: requests an answer when a checkpoint covers everything the files hold now. */
export type SealerReport =
  | { readonly kind: 'cover' }
  | { readonly kind: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly text: string };

/** Supervisor to sealer. */
export interface SealerCommand {
  readonly kind: 'covered';
}

const DAY_SECS = 86_400;
const LOOK_MS = 1000;
const PASS_MS = 3_600_000;
/** Missed trades are fetched for days that are over by so much; what is filed under older ones is sealed after a restart. */
const REPAIRED_DAYS = 8;
/** Work between two pauses, and how much longer than the work a pause is: a tenth of one core at most. */
const WORK_MS = 5;
const PAUSE_FACTOR = 9;

export class SealerThread {
  private readonly sealer: Sealer;

  constructor(
    private readonly init: SealerInit,
    private readonly port: MessagePort,
    private readonly io: StoreIo,
  ) {
    this.sealer = new Sealer(io, {
      dataPath: init.dataPath,
      counters: new Uint32Array(init.counters),
      log: (level, text) => this.post({ kind: 'log', level, text }),
    });
  }

  /** Until the thread is ended. */
  async run(): Promise<never> {
    try {
      // on Linux a priority belongs to a thread, and the I/O scheduler goes by it, too
      setPriority(constants.priority.PRIORITY_LOW);
    } catch {
      // where that is forbidden the pauses have to do
    }
    // when all are sealed once, rows come to days within the clock skew, and to those whose gaps are being repaired
    const reach = Math.max(Math.ceil(this.init.clockSkewSecs / DAY_SECS) + 1, REPAIRED_DAYS);
    let complete = false;
    let last = -1;
    for (let passMs = 0; ; await sleep(LOOK_MS)) {
      const closed = newestClosedDay(Date.now());
      if (closed === last && monotonicMs() - passMs < PASS_MS) continue;
      passMs = monotonicMs();
      complete = await this.pass(complete ? closed - reach : 0, closed);
      last = closed;
    }
  }

  /** Whether everything is sealed. */
  private async pass(first: number, last: number): Promise<boolean> {
    const steps = this.sealer.pass(first, last);
    let startedMs = monotonicMs();
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done) return step.value;
      const worked = monotonicMs() - startedMs;
      if (step.value === 'covered') await this.covered();
      else if (worked >= WORK_MS) await sleep(worked * PAUSE_FACTOR);
      else continue;
      startedMs = monotonicMs();
    }
  }

  /** Without a journal nothing is ever redone: what was measured has only to be durable. */
  private async covered(): Promise<void> {
    if (!this.init.journal) return this.io.syncFs(this.init.dataPath);
    const answer = once(this.port, 'message');
    this.post({ kind: 'cover' });
    await answer;
  }

  private post(report: SealerReport): void {
    this.port.postMessage(report);
  }
}
