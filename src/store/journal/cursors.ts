/**
 * How far each sink has come in the journal: `{data_path}/journal/cursors/{sink}.json`, written by the sink after what
 * it delivered is safe, `{"position": n}` for the last block delivered. Segments behind the slowest cursor are kept
 * for it; the writer only reads these files, and takes the slowest one away when the journal has become too large. So
 * far no sink exists, and nothing writes a cursor.
 */
import { join } from 'node:path';
import { isOfPath, readWhole, type StoreIo } from '../disk/io.js';
import { CURSORS_FOLDER } from './format.js';

export interface Cursor {
  readonly sink: string;
  /** last block that was delivered */
  readonly position: number;
  /** the file cannot be read */
  readonly damaged: boolean;
}

const EXTENSION = '.json';
/** Of a sink that was cut off; it begins again from the column files. */
const CUT_OFF = '.cut-off';

/** Every cursor; one that cannot be read counts as 0, so that nothing is removed before it was looked at. */
export function readCursors(io: StoreIo, journal: string): Cursor[] {
  const folder = join(journal, CURSORS_FOLDER);
  return io
    .list(folder)
    .filter((name) => name.endsWith(EXTENSION))
    .map((name) => {
      const sink = name.slice(0, -EXTENSION.length);
      const position = positionOf(io, cursorPath(journal, sink));
      return { sink, position: position ?? 0, damaged: position === undefined };
    });
}

export function cursorPath(journal: string, sink: string): string {
  return join(journal, CURSORS_FOLDER, `${sink}${EXTENSION}`);
}

function positionOf(io: StoreIo, path: string): number | undefined {
  try {
    const { position } = JSON.parse(readWhole(io, path)?.toString('utf8') ?? '');
    return Number.isSafeInteger(position) && position >= 0 ? position : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || isOfPath(error)) return undefined;
    throw error;
  }
}

/** The block up to which the journal may go. */
export function removableUpTo(checkpoint: number, cursors: readonly Cursor[]): number {
  return Math.min(checkpoint, ...cursors.map((cursor) => cursor.position));
}

/** Ends the claim of a sink on the journal. */
export function cutOff(io: StoreIo, journal: string, cursor: Cursor): void {
  const folder = join(journal, CURSORS_FOLDER);
  io.rename(join(folder, `${cursor.sink}${EXTENSION}`), join(folder, `${cursor.sink}${CUT_OFF}`));
  io.syncFolder(folder);
}
