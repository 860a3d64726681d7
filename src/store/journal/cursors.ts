/**
 * How far each sink has come in the journal: `{data_path}/journal/cursors/{sink}.json`, replaced by the sink after what it
 * delivered is safe. `position` is the last block that it does not need any more; segments behind the slowest cursor are
 * kept for it. What else stands there is the sink's own (delivery/cursor.ts). The writer only reads these files, and takes
 * the slowest one away when the journal has become too large.
 *
 *   {sink}.json         the cursor
 *   {sink}.checkpoint   the checkpoint at `position`, from which the sink counts rows
 *   {sink}.cut-off      the cursor of a sink that lost its claim; it begins again from the column files
 *   {sink}.rewind       where the sink is asked to begin again
 */
import { join } from 'node:path';
import { isOfPath, readWhole, replaceFile, type StoreIo } from '../disk/io.js';
import { CURSORS_FOLDER } from './format.js';

export interface Cursor {
  readonly sink: string;
  /** last block that is not needed any more */
  readonly position: number;
  /** the file cannot be read */
  readonly damaged: boolean;
}

const FILES = {
  cursor: '.json',
  checkpoint: '.checkpoint',
  cutOff: '.cut-off',
  rewind: '.rewind',
} as const;

export type CursorFile = keyof typeof FILES;

function folderOf(journal: string): string {
  return join(journal, CURSORS_FOLDER);
}

function fileName(sink: string, file: CursorFile): string {
  return `${sink}${FILES[file]}`;
}

/** Every cursor; one that cannot be read counts as 0, so that nothing is removed before it was looked at. */
export function readCursors(io: StoreIo, journal: string): Cursor[] {
  return io
    .list(folderOf(journal))
    .filter((name) => name.endsWith(FILES.cursor))
    .map((name) => {
      const sink = name.slice(0, -FILES.cursor.length);
      const position = positionOf(io, cursorPath(journal, sink));
      return { sink, position: position ?? 0, damaged: position === undefined };
    });
}

export function cursorPath(journal: string, sink: string, file: CursorFile = 'cursor'): string {
  return join(folderOf(journal), fileName(sink, file));
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

/** The JSON of a file of a sink; undefined when there is none, or none that can be read. */
export function readCursorFile(io: StoreIo, journal: string, sink: string, file: CursorFile): unknown {
  try {
    return JSON.parse(readWhole(io, cursorPath(journal, sink, file))?.toString('utf8') ?? '');
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Puts a file of a sink in the place of the one before; it is durable behind this. */
export function writeCursorFile(
  io: StoreIo,
  journal: string,
  sink: string,
  file: CursorFile,
  bytes: Uint8Array,
): void {
  io.makeFolder(folderOf(journal));
  replaceFile(io, folderOf(journal), fileName(sink, file), bytes);
}

export function removeCursorFile(io: StoreIo, journal: string, sink: string, file: CursorFile): void {
  const path = cursorPath(journal, sink, file);
  if (io.sizeOf(path) < 0) return;
  io.unlink(path);
  io.syncFolder(folderOf(journal));
}

/** Forgets a sink: nothing is kept for it any more. */
export function releaseSink(io: StoreIo, journal: string, sink: string): void {
  for (const file of Object.keys(FILES) as CursorFile[]) removeCursorFile(io, journal, sink, file);
}

/** The block up to which the journal may go. */
export function removableUpTo(checkpoint: number, cursors: readonly Cursor[]): number {
  return Math.min(checkpoint, ...cursors.map((cursor) => cursor.position));
}

/** Ends the claim of a sink on the journal. */
export function cutOff(io: StoreIo, journal: string, { sink }: Pick<Cursor, 'sink'>): void {
  io.rename(cursorPath(journal, sink), cursorPath(journal, sink, 'cutOff'));
  io.syncFolder(folderOf(journal));
}
