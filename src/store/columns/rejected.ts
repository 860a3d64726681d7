/**
 * Messages that were refused, one JSON object a line in `{data_path}/{exchange}/rejected.DD.MM.YY.jsonl`: what could
 * not become a row is at least there to be read. Used by the writer, and by recovery for what the journal holds.
 */
import { join } from 'node:path';
import type { FilePool, PooledFile } from '../disk/file_pool.js';
import { FOREIGN } from '../disk/io.js';
import { isoDay, rejectedFile } from '../disk/paths.js';
import type { Quarantine } from '../disk/quarantine.js';
import type { RejectedState } from '../journal/states.js';

/** Size of one day's file of one exchange; what exceeds it is only counted. */
export const REJECTED_FILE_BYTES_MAX = 64 * 1024 * 1024;

interface Log extends RejectedState {
  readonly file: PooledFile;
  /** in the file */
  bytes: number;
  readonly lines: string[];
  waitingBytes: number;
}

export interface RejectedEvents {
  /** a file is taken into use; called before its first line */
  opened?(state: RejectedState): void;
  /** what stood in the place of a file is in the quarantine */
  setAside?(path: string): void;
}

export class RejectedLog {
  private readonly logs = new Map<string, Log>();

  constructor(
    private readonly dataPath: string,
    private readonly files: FilePool,
    private readonly quarantine: Quarantine,
    private readonly events: RejectedEvents,
  ) {}

  stage(exchange: string, day: number, reason: number, text: string): void {
    const path = this.pathOf(exchange, day);
    let log = this.logs.get(path);
    if (log === undefined) {
      const bytes = Math.max(0, this.files.io.sizeOf(path));
      log = this.begin({ exchange, day, bytes });
      this.events.opened?.({ exchange, day, bytes });
    }
    if (log.bytes + log.waitingBytes >= REJECTED_FILE_BYTES_MAX) return;
    const line = `${JSON.stringify({ day: isoDay(day), reason, text })}\n`;
    log.lines.push(line);
    log.waitingBytes += Buffer.byteLength(line);
  }

  /** Takes over what a journal says that a file held, whatever stands in it. */
  begin(state: RejectedState): Log {
    const path = this.pathOf(state.exchange, state.day);
    const log = { ...state, file: this.files.file(path), lines: [], waitingBytes: 0 };
    this.logs.set(path, log);
    return log;
  }

  /** After accepted damage: counts only what is there. */
  shorten(): void {
    for (const [path, log] of this.logs)
      log.bytes = Math.min(log.bytes, Math.max(0, this.files.io.sizeOf(path)));
  }

  flush(): void {
    for (const [path, log] of this.logs) {
      if (log.lines.length === 0) continue;
      if (log.bytes === 0) this.makeWay(path);
      const bytes = Buffer.from(log.lines.join(''));
      log.file.write(bytes, 0, bytes.length, log.bytes);
      log.bytes += bytes.length;
      log.waitingBytes = log.lines.length = 0;
    }
  }

  /** What stands in the place of a file and is none of ours stops nothing. */
  private makeWay(path: string): void {
    if (this.files.io.sizeOf(path) !== FOREIGN) return;
    this.quarantine.move(path);
    this.events.setAside?.(path);
  }

  get waiting(): boolean {
    return [...this.logs.values()].some((log) => log.lines.length > 0);
  }

  /** What the files hold when everything that waits is written. */
  states(): RejectedState[] {
    return [...this.logs.values()].map(({ exchange, day, bytes, waitingBytes }) => ({
      exchange,
      day,
      bytes: bytes + waitingBytes,
    }));
  }

  /** Whether the files hold everything that `states` says. */
  reached(states: readonly RejectedState[]): boolean {
    return states.every(
      ({ exchange, day, bytes }) => (this.logs.get(this.pathOf(exchange, day))?.bytes ?? bytes) >= bytes,
    );
  }

  /** Paths of files that do not hold what was written. */
  gone(): string[] {
    return [...this.logs]
      .filter(([path, { bytes }]) => bytes > 0 && this.files.io.sizeOf(path) < bytes)
      .map(([path]) => path);
  }

  /** Begins a file that is gone again, with the lines that wait. */
  beginAgain(path: string, quarantine: Quarantine): void {
    const log = this.logs.get(path) as Log;
    log.file.close();
    if (this.files.io.sizeOf(path) >= 0) quarantine.move(path);
    log.bytes = 0;
  }

  /** Cuts off what stands behind the last line, with a copy in the quarantine; answers the number of bytes. */
  cut(): number {
    let cut = 0;
    for (const [path, { bytes }] of this.logs) {
      const size = this.files.io.sizeOf(path);
      if (size <= bytes) continue;
      this.quarantine.keepTail(path, bytes);
      this.files.truncate(path, bytes);
      cut += size - bytes;
    }
    return cut;
  }

  close(): void {
    for (const log of this.logs.values()) log.file.close();
  }

  private pathOf(exchange: string, day: number): string {
    return join(this.dataPath, exchange, rejectedFile(day));
  }
}
