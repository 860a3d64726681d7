/**
 * Rows from the column files, day after day, up to a limit per table-day behind which the journal has them. They are put
 * together as records again, so that a target sees no difference. Reads synchronously, a block of rows at a time.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { encodeName } from '../base/names.js';
import type { Column } from '../schema/columns.js';
import type { Table } from '../schema/layout.js';
import { columnFile, tableDirectory } from '../store/disk/paths.js';
import type { Literals } from '../store/read/decimals.js';
import {
  type Block,
  listDays,
  listExchanges,
  listSymbols,
  listTables,
  readBlocks,
  type TableDay,
  tableDayAt,
} from '../store/read/reader.js';
import { literalsOf } from '../store/read/row_text.js';
import type { Filter } from './filter.js';
import { type Place, placeOf, type SymbolNames } from './place.js';
import { RecordView } from './record_view.js';
import type { ColumnPosition, Position, RecordSource } from './source.js';

const NO_WORDS = new Uint32Array(0);

export interface ColumnSourceOptions {
  readonly dataPath: string;
  /** the block of the journal that the limits belong to */
  readonly block: number;
  /** rows of a table-day that are shown, all that it has where this says so */
  readonly rowsOf: (tableDay: TableDay) => number;
  readonly filter: Filter;
  readonly names: SymbolNames;
  /** rows that were received before are not shown, seconds since 1970 */
  readonly since: number;
  /** what was delivered before; null: nothing */
  readonly from: ColumnPosition | null;
}

/** A table-day that may be shown. */
interface Found {
  readonly place: Place;
  readonly directory: string;
}

export class ColumnSource implements RecordSource {
  private readonly view = new RecordView();
  /** those that are still to be shown, the next one last */
  private readonly waiting: Found[];
  private blocks: Iterator<Block> | undefined;
  private literals: Literals = new Map();
  private words: Uint32Array<ArrayBuffer> = NO_WORDS;
  private place: Place | undefined;
  /** number of the first row of the block, rows of it, and the one of it that comes next */
  private fromRow = 0;
  private rows = 0;
  private at = 0;

  constructor(private readonly options: ColumnSourceOptions) {
    this.waiting = findTableDays(options).reverse();
  }

  get position(): Position {
    const { place, fromRow, at } = this;
    const { block, from } = this.options;
    return { block, columns: place === undefined ? from : { ...keyOf(place), row: fromRow + at } };
  }

  next(): RecordView | undefined {
    for (;;) {
      while (this.at >= this.rows) if (!this.nextBlock()) return undefined;
      const { view, words, fromRow } = this;
      const place = this.place as Place;
      const row = this.at++;
      view.show(words, row * place.table.words, place, fromRow + row);
      if (view.receivedSeconds < this.options.since) continue;
      if (view.hasTexts) view.texts = textsOf(place.table, this.literals.get(view.row));
      return view;
    }
  }

  /** False when there is none any more. */
  private nextBlock(): boolean {
    for (;;) {
      const found = this.blocks?.next();
      if (found !== undefined && found.done !== true) {
        this.take(found.value);
        return true;
      }
      const next = this.waiting.pop();
      if (next === undefined) return false;
      this.open(next);
    }
  }

  private open({ place, directory }: Found): void {
    const { since, rowsOf, from, names } = this.options;
    const { exchange, native: symbol, table, day } = place;
    const tableDay = tableDayAt({ exchange, symbol, directory, table, day });
    const toRow = rowsOf(tableDay);
    const fromRow = from !== null && isSame(from, place) ? from.row : 0;
    const isOlder = since > 0 && lastChangeSeconds(tableDay) < since;
    this.fromRow = fromRow;
    this.rows = this.at = 0;
    this.blocks = isOlder ? undefined : readBlocks(tableDay, tableDay.columns, { fromRow, toRow });
    const exact = table.columns.every(({ name, exact }) => exact !== true || tableDay.columns.includes(name));
    const { directory: folder } = place;
    this.place = placeOf({ exchange, directory: folder, symbol: undefined }, table, day, names, exact);
  }

  private take(block: Block): void {
    const { table } = this.place as Place;
    const needed = block.rows * table.words;
    if (this.words.length < needed) this.words = new Uint32Array(needed);
    this.words.fill(0, 0, needed);
    for (const column of table.columns) {
      const values = block.columns[column.name];
      if (values === undefined) continue;
      const from = new Uint32Array(values.buffer, 0, block.rows * column.words);
      copyColumn(from, this.words, column, table.words, block.rows);
    }
    this.literals = literalsOf(block);
    this.fromRow = block.fromRow;
    this.rows = block.rows;
    this.at = 0;
  }

  close(): void {
    // ends the reading of a block with its descriptors
    this.blocks?.return?.();
    this.blocks = undefined;
    this.waiting.length = 0;
    this.rows = 0;
  }
}

/** Puts the values of a column to their places in records. */
function copyColumn(from: Uint32Array, to: Uint32Array, column: Column, size: number, rows: number): void {
  const { word, words } = column;
  let next = 0;
  for (let row = 0, at = word; row < rows; row++, at += size)
    for (let part = 0; part < words; part++) to[at + part] = from[next++];
}

function textsOf(table: Table, found: ReadonlyMap<string, string> | undefined): ReadonlyMap<number, string> {
  const byName = [...(found ?? [])].map(([name, text]): [number, string] => [
    table.columns.findIndex((column) => column.name === name),
    text,
  ]);
  return new Map(byName);
}

/** When a row was written to the table-day last: none was received later. */
function lastChangeSeconds({ directory, columns, day }: TableDay): number {
  const times = columns.map((name) => statSync(join(directory, columnFile(name, day))).mtimeMs);
  return Math.ceil(Math.max(0, ...times) / 1000);
}

/** In the order in which they are shown. */
function findTableDays({ dataPath, filter, names, from }: ColumnSourceOptions): Found[] {
  const found: Found[] = [];
  for (const exchange of listExchanges(dataPath))
    for (const symbol of listSymbols(dataPath, exchange)) {
      const name = { exchange, directory: encodeName(symbol), symbol: undefined };
      for (const table of listTables(dataPath, exchange, symbol)) {
        if (!filter(placeOf(name, table, 0, names))) continue;
        const directory = tableDirectory(dataPath, exchange, name.directory, table.name);
        for (const day of listDays(directory, table))
          found.push({ place: placeOf(name, table, day, names), directory });
      }
    }
  const ordered = found.sort((a, b) => compare(keyOf(a.place), keyOf(b.place)));
  return from === null ? ordered : ordered.filter(({ place }) => compare(keyOf(place), from) >= 0);
}

type Key = Omit<ColumnPosition, 'row'>;

function keyOf({ day, exchange, directory, table }: Place): Key {
  return { day, exchange, directory, table: table.name };
}

function compare(a: Key, b: Key): number {
  const texts = (['exchange', 'directory', 'table'] as const).find((name) => a[name] !== b[name]);
  if (a.day !== b.day) return a.day - b.day;
  return texts === undefined ? 0 : a[texts] < b[texts] ? -1 : 1;
}

function isSame(a: Key, place: Place): boolean {
  return compare(a, keyOf(place)) === 0;
}
