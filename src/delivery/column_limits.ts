/**
 * How many rows of a table-day are in front of a block of the journal: those that are read from the column files before
 * the journal is followed from there on. A checkpoint at that block says it of table-days that were open; of one that was
 * opened later, the journal does, before its first row; of all others, the size of the files.
 */
import { encodeName } from '../base/names.js';
import type { Checkpoint } from '../store/journal/checkpoint.js';
import { BLOCK_KIND } from '../store/journal/format.js';
import { decodeStates, type States } from '../store/journal/states.js';
import type { JournalTail } from '../store/journal/tail.js';
import type { TableDay } from '../store/read/reader.js';
import { tableDayKey } from './place.js';

export class ColumnLimits {
  private readonly rows = new Map<string, number>();

  constructor(
    { states }: Checkpoint,
    /** at the block of the checkpoint */
    private readonly tail: JournalTail,
  ) {
    this.take(states);
  }

  /** Of a table-day whose files were measured before this call: had it been opened by then, the journal says so. */
  rowsOf({ exchange, symbol, table, day, rows }: TableDay): number {
    for (let found = this.tail.next(); found !== undefined; found = this.tail.next())
      if (found.block.kind === BLOCK_KIND.bases)
        this.take(decodeStates(JSON.parse(found.block.bytes.toString('utf8'))));
    const known = this.rows.get(tableDayKey(exchange, encodeName(symbol), table.name, day));
    return known === undefined ? rows : Math.min(rows, known);
  }

  /** The first that is said counts: what comes later has rows that the journal shows. */
  private take({ tableDays }: States): void {
    for (const { exchange, directory, table, day, rows } of tableDays) {
      const key = tableDayKey(exchange, directory, table, day);
      if (!this.rows.has(key)) this.rows.set(key, rows);
    }
  }

  close(): void {
    this.tail.close();
  }
}
