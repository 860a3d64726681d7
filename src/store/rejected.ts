/**
 * Messages that were refused, one JSON object a line in `{data_path}/{exchange}/rejected.DD.MM.YY.jsonl`: what could
 * not become a row is at least there to be read. Writer thread only.
 */
import { join } from 'node:path';
import type { FilePool, PooledFile } from './files.js';
import { isoDay, rejectedFile } from './paths.js';

/** Size of one day's file of one exchange, lines that wait included; what exceeds it is only counted. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;

interface Log {
  readonly path: string;
  readonly file: PooledFile;
  /** size of the file, -1 before it was looked at */
  bytes: number;
  waitingBytes: number;
  readonly lines: string[];
}

export class RejectedLog {
  private readonly logs = new Map<string, Log>();

  constructor(
    private readonly dataPath: string,
    private readonly files: FilePool,
  ) {}

  stage(exchange: string, day: number, reason: number, text: string): void {
    const path = join(this.dataPath, exchange, rejectedFile(day));
    let log = this.logs.get(path);
    if (log === undefined) {
      log = { file: this.files.file(path), path, bytes: -1, waitingBytes: 0, lines: [] };
      this.logs.set(path, log);
    }
    if (log.bytes + log.waitingBytes >= FILE_BYTES_MAX) return;
    const line = `${JSON.stringify({ day: isoDay(day), reason, text })}\n`;
    log.lines.push(line);
    log.waitingBytes += line.length;
  }

  flush(): void {
    for (const log of this.logs.values()) {
      if (log.lines.length === 0) continue;
      if (log.bytes < 0) log.bytes = Math.max(0, this.files.io.sizeOf(log.path));
      const bytes = Buffer.from(log.lines.join(''));
      log.file.with((fd) => this.files.io.write(fd, bytes, 0, bytes.length, log.bytes));
      log.bytes += bytes.length;
      log.lines.length = 0;
      log.waitingBytes = 0;
    }
  }

  close(): void {
    for (const log of this.logs.values()) log.file.close();
  }
}
