/**
 * Starts the sealer once capture runs, carries its questions to the writer and the answers back, and starts it again
 * when it has died. Main thread. Capture needs none of it: whatever happens to the sealer is logged and no more.
 */
import type { Logger } from 'pino';
import type { Config } from '../config/options.js';
import { CounterReader, createCounters } from '../counters/counters.js';
import { SEALER_COUNTERS } from '../counters/declarations.js';
import { type SealerThread, startSealer } from './threads.js';

/** It waits for connections to be up, but not without end: one of them may never be. */
const CALM_SECS_MAX = 300;
const RESTART_SECS = 3600;
/** A disk that holds a system call for longer holds everything else as well. */
const STOP_MS_MAX = 1500;

export interface SealLinkOptions {
  readonly config: Config;
  readonly log: Logger;
  /** asks the writer to report `covered` with this number when a checkpoint covers all that it has written so far */
  readonly cover: (request: number) => void;
}

export class SealLink {
  private readonly memory = createCounters(SEALER_COUNTERS);
  private readonly reader = new CounterReader(SEALER_COUNTERS, this.memory);
  private thread: SealerThread | undefined;
  private waitSecs = CALM_SECS_MAX;
  private request = 0;
  private stopping = false;

  constructor(private readonly options: SealLinkOptions) {}

  /** Once a second. `calm`: every connection is up. */
  watch(calm: boolean): void {
    if (this.thread !== undefined || this.stopping) return;
    this.waitSecs--;
    if (this.waitSecs < 0 || (calm && this.waitSecs < CALM_SECS_MAX)) this.start();
  }

  private start(): void {
    const { config, log, cover } = this.options;
    const thread = startSealer({
      dataPath: config.logger.data_path,
      journal: config.journal.enabled,
      clockSkewSecs: config.logger.max_clock_skew_secs,
      counters: this.memory,
    });
    this.thread = thread;
    thread.onReport((report) => {
      if (report.kind === 'log') log[report.level]({ thread: 'sealer' }, report.text);
      else cover(++this.request);
    });
    thread.onEnd((reason) => {
      this.thread = undefined;
      this.waitSecs = CALM_SECS_MAX + RESTART_SECS;
      if (!this.stopping) log.error({ reason, restart_in_secs: RESTART_SECS }, 'the sealer has ended');
    });
  }

  /** An answer to a question that was asked by an earlier thread is none. */
  covered(request: number): void {
    if (request === this.request) this.thread?.send({ kind: 'covered' });
  }

  counters() {
    return this.reader.read();
  }

  /** Resolves when the thread does nothing any more. */
  stop(): Promise<void> {
    this.stopping = true;
    const { thread } = this;
    if (thread === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, STOP_MS_MAX);
      thread.onEnd(() => {
        clearTimeout(timer);
        resolve();
      });
      thread.terminate();
    });
  }
}
