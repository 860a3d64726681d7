/** What the threads are given from the configuration and the system. Main thread, at start. */
import { readFileSync, statSync } from 'node:fs';
import { errnoOf, LoggerError, messageOf } from '../base/errors.js';
import type { Config } from '../config/options.js';
import { isOfPath } from '../store/disk/io.js';
import type { WriterJournal } from '../store/writer/messages.js';

/** What a start after a crash has to redo at most. */
const CHECKPOINT_MS = 60_000;
/** Room for files other than column files: sockets, logs, the program itself. */
const DESCRIPTORS_RESERVED = 2048;
const DESCRIPTORS_MAX = 65_536;

/** The journal's part of the configuration; undefined when none is kept. */
export function journalOf({ journal }: Config, progress: SharedArrayBuffer): WriterJournal | undefined {
  if (!journal.enabled) return undefined;
  const { sync_ms, segment_bytes, max_bytes, free_bytes_min } = journal;
  return {
    syncMs: sync_ms,
    segmentBytes: segment_bytes,
    bytesMax: max_bytes,
    freeBytesMin: free_bytes_min,
    checkpointMs: CHECKPOINT_MS,
    progress,
  };
}

/** Certificate authorities to trust besides the usual ones; throws CONFIG_INVALID. */
export function readCa(path: string): string | undefined {
  if (path === '') return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new LoggerError('CONFIG_INVALID', `websocket.ca_file: ${messageOf(error)}`);
  }
}

/**
 * Descriptors for column files: what the process may open but for a reserve. Node has raised the soft limit to the hard
 * one.
 */
export function descriptorBudget(): number {
  try {
    const limit = /Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'));
    return Math.max(64, Math.min(DESCRIPTORS_MAX, Number(limit?.[1] ?? 4096) - DESCRIPTORS_RESERVED));
  } catch {
    return 1024;
  }
}

/** Does something with the data directory; what the system refuses becomes DISK_WRITE with the way out. */
export function writable<R>(dataPath: string, act: () => R): R {
  try {
    return act();
  } catch (cause) {
    if (errnoOf(cause) === 0) throw cause;
    const text = isOfPath(cause)
      ? `cannot use ${dataPath}: ${messageOf(cause)}; move away what stands there, or give it to the user of the logger`
      : `cannot write to ${dataPath}: ${messageOf(cause)}; check that it is mounted, writable and not full`;
    throw new LoggerError('DISK_WRITE', text, { cause });
  }
}

/** Why others can change what is written to the data directory; undefined when they cannot. */
export function openToOthers(dataPath: string): string | undefined {
  const { mode } = statSync(dataPath);
  if ((mode & 0o002) === 0) return undefined;
  return `${dataPath} can be written to by every user: its content may come from any of them; chmod o-w it`;
}
