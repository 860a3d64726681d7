/**
 * Rows that a target can never take: one JSON object a line in `{data_path}/dead_letters/{sink}.jsonl`, with the reason.
 * They are durable before the cursor passes them.
 */
import { join } from 'node:path';
import { openWithFolder, type StoreIo, withFile } from '../store/disk/io.js';
import { DEAD_LETTERS_FOLDER } from '../store/disk/paths.js';
import { jsonOf } from './json.js';
import type { RecordView } from './record_view.js';

export class DeadLetters {
  private lines: string[] = [];
  private readonly path: string;

  constructor(
    private readonly io: StoreIo,
    dataPath: string,
    sink: string,
  ) {
    this.path = join(dataPath, DEAD_LETTERS_FOLDER, `${sink}.jsonl`);
  }

  /** Rows that wait for their file. */
  get waiting(): number {
    return this.lines.length;
  }

  add(row: RecordView, reason: string): void {
    this.lines.push(`{"reason":${JSON.stringify(reason)},"row":${jsonOf(row)}}\n`);
  }

  /** The batches that they are of are delivered again. */
  forget(): void {
    this.lines = [];
  }

  /** Makes them durable. */
  flush(): void {
    if (this.lines.length === 0) return;
    const { io, path } = this;
    const bytes = Buffer.from(this.lines.join(''));
    withFile(io, openWithFolder(io, path), (fd) => {
      io.write(fd, bytes, 0, bytes.length, Math.max(0, io.sizeOf(path)));
      io.fdatasync(fd);
    });
    this.lines = [];
  }
}
