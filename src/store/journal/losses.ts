/**
 * Rows that a recovery has cut off, until GAPS lists them: `{data_path}/journal/losses`, written before anything is cut
 * and removed by the writer once the rows of GAPS are durable. A crash in between lists them once more, never less.
 */
import { readWhole, replaceFile, type StoreIo } from '../disk/io.js';

const LOSSES_FILE = 'losses';

/** Rows of a table-day that the journal does not explain. */
export interface NotedLoss {
  readonly exchange: string;
  /** folder name of the symbol */
  readonly directory: string;
  readonly table: string;
  readonly day: number;
  readonly rows: number;
  /** receive time of the last row that stayed, and when the loss was established: seconds and nanoseconds */
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
  /** the files went to the quarantine whole, by a recovery behind this checkpoint; 0 when they did not */
  readonly setAside: number;
}

/** Whether a recovery behind this checkpoint has begun to set the files of a table-day aside. */
export function isSetAside(
  losses: readonly NotedLoss[],
  { exchange, directory, table, day }: Pick<NotedLoss, 'exchange' | 'directory' | 'table' | 'day'>,
  checkpoint: number,
): boolean {
  const name = nameOf({ exchange, directory, table, day });
  return losses.some((loss) => loss.setAside === checkpoint && nameOf(loss) === name);
}

const nameOf = (loss: Pick<NotedLoss, 'exchange' | 'directory' | 'table' | 'day'>) =>
  `${loss.exchange}/${loss.directory}/${loss.table} ${loss.day}`;

export const lossesFile = (folder: string): string => `${folder}/${LOSSES_FILE}`;

/** Losses that no row of GAPS lists yet; 'damaged' when that cannot be read. */
export function findLosses(io: StoreIo, folder: string): NotedLoss[] | 'damaged' {
  const bytes = readWhole(io, lossesFile(folder));
  if (bytes === undefined) return [];
  try {
    const losses = JSON.parse(bytes.toString('utf8')) as NotedLoss[];
    return Array.isArray(losses) ? losses : 'damaged';
  } catch {
    return 'damaged';
  }
}

/** The same where a recovery sets aside what cannot be read. */
export function readLosses(io: StoreIo, folder: string): NotedLoss[] {
  const losses = findLosses(io, folder);
  return losses === 'damaged' ? [] : losses;
}

/** Adds to them, durably; a recovery that was cut short finds the same again. */
export function noteLosses(io: StoreIo, folder: string, losses: readonly NotedLoss[]): void {
  const noted = readLosses(io, folder);
  const known = new Set(noted.map(nameOf));
  write(io, folder, [...noted, ...losses.filter((loss) => !known.has(nameOf(loss)))]);
}

/** Leaves only these. */
export function keepLosses(io: StoreIo, folder: string, losses: readonly NotedLoss[]): void {
  if (losses.length > 0) write(io, folder, losses);
  else {
    io.unlink(lossesFile(folder));
    io.syncFolder(folder);
  }
}

function write(io: StoreIo, folder: string, losses: readonly NotedLoss[]): void {
  replaceFile(io, folder, LOSSES_FILE, Buffer.from(`${JSON.stringify(losses)}\n`));
}
