/** Prints rows of table-days in one of the formats, one block after the other. Called by `logger read`. */
import { type Block, readBlocks, type TableDay, u32Of } from '../store/read/reader.js';
import { decodeRow, type Field, type FieldOptions, literalsOf, planFields } from '../store/read/row_text.js';
import { type Format, type RowFormatter, rowFormatter } from './formats.js';
import type { Output } from './output.js';
import type { Range } from './time_range.js';
import { compareMoments } from './times.js';

/** Rows read at a time; small, because often only the first few are wanted. */
const BLOCK_ROWS = 8192;

/** What is printed of every row. */
export interface Chosen {
  readonly fieldOptions: FieldOptions;
  readonly format: Format;
  readonly range?: Range;
}

export class RowPrinter {
  private readonly formatter: RowFormatter;

  /** The first table-day gives the columns, `left` is how many rows are printed at most. */
  constructor(
    private readonly output: Output,
    first: TableDay,
    private readonly chosen: Chosen,
    private left: number,
  ) {
    this.formatter = rowFormatter(chosen.format, planFields(first, chosen.fieldOptions));
  }

  /** The reader has gone away. */
  get closed(): boolean {
    return this.output.closed;
  }

  /** Prints the rows of a table-day from one on. */
  async print(tableDay: TableDay, fromRow: number): Promise<void> {
    const { fieldOptions, range } = this.chosen;
    const fields = planFields(tableDay, fieldOptions);
    const columns = columnsFor(fields, tableDay, range);
    if (this.left === 0 || this.closed) return;
    for (const block of readBlocks(tableDay, columns, { blockRows: BLOCK_ROWS, fromRow })) {
      await this.block(block, fields);
      if (this.left === 0 || this.closed) return;
    }
  }

  private async block(block: Block, fields: readonly Field[]): Promise<void> {
    const { output, formatter } = this;
    const { range } = this.chosen;
    const literals = literalsOf(block);
    for (let row = 0; row < block.rows && this.left > 0; row++) {
      if (range !== undefined && !isWithin(range, block, row)) continue;
      this.left--;
      if (output.write(formatter.rows(decodeRow(fields, block, row, literals)))) await output.flush();
    }
  }

  /** Hands over what was kept back for the widths of the table. */
  release(): void {
    this.output.write(this.formatter.release());
  }

  /** Waits until everything was taken. */
  flush(): Promise<void> {
    return this.output.flush();
  }
}

function columnsFor(fields: readonly Field[], tableDay: TableDay, range: Range | undefined): string[] {
  const times = range === undefined ? [] : tableDay.table.time;
  return [...new Set([...fields.flatMap((f) => f.needs), ...times])];
}

/** Whether the event of a row lies within the times. */
export function isWithin({ from, to }: Range, block: Block, row: number): boolean {
  const [secondsColumn, nanosColumn] = block.tableDay.table.time;
  const seconds = u32Of(block, secondsColumn!)[row]!;
  const nanos = nanosColumn === undefined ? 0 : u32Of(block, nanosColumn)[row]!;
  const time = { seconds, nanos };
  return (
    !(from !== undefined && compareMoments(time, from) < 0) &&
    (to === undefined || compareMoments(time, to) < 0)
  );
}
