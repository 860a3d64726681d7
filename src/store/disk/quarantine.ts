/**
 * Where bytes go that cannot be explained: `{data_path}/quarantine/{time}/`, with their path below the data directory.
 * Nothing is ever deleted for being damaged. Used by the writer and by recovery.
 */
import { dirname, join, relative } from 'node:path';
import { FOREIGN, NO_FILE, notOurs, openWithFolder, type StoreIo, withFile } from './io.js';

const CHUNK_BYTES = 1024 * 1024;
export const QUARANTINE_FOLDER = 'quarantine';
const REPORT_FILE = 'report.txt';

export class Quarantine {
  /** bytes taken in */
  bytes = 0;
  /** whether anything is in it, files without bytes and the report too */
  used = false;
  /** where folders are now, or links in their place, by the path that they had */
  private readonly folders = new Map<string, string>();

  constructor(
    private readonly io: StoreIo,
    private readonly dataPath: string,
    /** name of the folder, which is made when it is needed */
    private readonly name: string,
  ) {}

  get folder(): string {
    return join(this.dataPath, QUARANTINE_FOLDER, this.name);
  }

  /** Copies what a file holds from `from` on, before it is cut off there; nothing without such a file. */
  keepTail(path: string, from: number): void {
    const { io } = this;
    const size = io.sizeOf(path);
    if (size < 0) return;
    const target = this.targetOf(path, from === 0 ? '' : `.from-${from}`);
    withFile(io, io.openToRead(path), (source) =>
      withFile(io, openWithFolder(io, target), (fd) => {
        const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, Math.max(1, size - from)));
        for (let at = from; at < size; ) {
          const count = Math.min(io.read(source, chunk, 0, at), size - at);
          if (count === 0) break;
          io.write(fd, chunk, 0, count, at - from);
          at += count;
          this.bytes += count;
        }
        io.fdatasync(fd);
      }),
    );
  }

  /** Moves a file here, whole, or whatever else stands in its place; a link goes as a link. */
  move(path: string): void {
    const { io } = this;
    const target = this.targetOf(path, '');
    io.makeFolder(dirname(target));
    const size = io.sizeOf(path);
    io.rename(path, target);
    if (size === FOREIGN) this.folders.set(path, target);
    this.bytes += Math.max(0, size);
  }

  /** Where a folder went, if this has moved it or one that holds it. */
  placeOf(folder: string): string | undefined {
    for (const [path, target] of this.folders)
      if (folder === path || folder.startsWith(`${path}/`)) return `${target}${folder.slice(path.length)}`;
    return undefined;
  }

  /** A name that nothing has yet. */
  private targetOf(path: string, suffix: string): string {
    const { io, dataPath } = this;
    this.used = true;
    const root = join(dataPath, QUARANTINE_FOLDER);
    if (!['folder', 'none'].includes(io.kindOf(root))) throw notOurs(root, 'ENOTDIR');
    const target = `${join(this.folder, relative(dataPath, path))}${suffix}`;
    for (let n = 0; ; n++) {
      const candidate = n === 0 ? target : `${target}.${n}`;
      if (io.sizeOf(candidate) === NO_FILE) return candidate;
    }
  }

  /** Writes down why. */
  report(text: string): void {
    this.used = true;
    const bytes = Buffer.from(text);
    withFile(this.io, openWithFolder(this.io, join(this.folder, REPORT_FILE)), (fd) => {
      this.io.truncate(fd, 0);
      this.io.write(fd, bytes, 0, bytes.length, 0);
      this.io.fdatasync(fd);
    });
  }
}

/** A name for the folder that sorts by time. */
export function quarantineName(nowMs: number): string {
  return new Date(nowMs).toISOString().replaceAll(/[:.]/g, '-');
}
