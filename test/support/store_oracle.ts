/**
 * What must be in the files after a crash, kept outside the store: of each ring a beginning of what was put in, at
 * least as much as was promised, every value right, nothing twice.
 */
import { join } from 'node:path';
import type { Column } from '../../src/schema/columns.js';
import {
  columnFile,
  isoDay,
  literalsFile,
  rejectedFile,
  tableDirectory,
} from '../../src/store/disk/paths.js';
import { DATA, type Item, RINGS, STREAMS, textOf, wordOf } from './store_world.js';

/** Reads a whole file; undefined when there is none. */
export type ReadFile = (path: string) => Buffer | undefined;

interface TableDayContent {
  readonly stream: number;
  readonly day: number;
  readonly rows: number[];
  readonly texts: string[];
}

/** Contents of all files, as rows and lines. */
class Contents {
  readonly tableDays = new Map<string, TableDayContent>();
  /** lines by exchange and day */
  readonly rejected = new Map<string, string[]>();

  copy(): Contents {
    const copy = new Contents();
    for (const [key, t] of this.tableDays)
      copy.tableDays.set(key, { ...t, rows: [...t.rows], texts: [...t.texts] });
    for (const [key, lines] of this.rejected) copy.rejected.set(key, [...lines]);
    return copy;
  }

  add(item: Item): void {
    const { kind, stream, day, n } = item;
    const { exchange, table } = STREAMS[stream] as (typeof STREAMS)[number];
    if (kind === 'rejected') {
      const key = `${exchange} ${day}`;
      const line = `${JSON.stringify({ day: isoDay(day), reason: 3, text: textOf(kind, n) })}\n`;
      this.rejected.set(key, [...(this.rejected.get(key) ?? []), line]);
      return;
    }
    const key = `${stream} ${day}`;
    let content = this.tableDays.get(key);
    if (content === undefined) this.tableDays.set(key, (content = { stream, day, rows: [], texts: [] }));
    if (kind === 'row') content.rows.push(n);
    else
      content.texts.push(
        `${JSON.stringify({ row: content.rows.length - 1, column: table.columns[3]?.name, text: textOf(kind, n) })}\n`,
      );
  }
}

export class Oracle {
  private contents = new Contents();

  constructor(
    private readonly read: ReadFile,
    private readonly dataPath = DATA,
    private readonly exact = false,
  ) {}

  /**
   * Compares the files with what one life of a process put into the rings. `promised` says how many items of each
   * ring must be there. Answers what is wrong; when nothing is, takes over what survived.
   */
  settle(items: readonly (readonly Item[])[], promised: readonly number[]): string[] {
    const problems: string[] = [];
    const next = this.contents.copy();
    for (let ring = 0; ring < RINGS; ring++) {
      const list = items[ring] as readonly Item[];
      const fits = this.survivors(list, ring, promised[ring] as number);
      if (typeof fits === 'string') problems.push(`ring ${ring}: ${fits}`);
      else for (const item of list.slice(0, fits)) next.add(item);
    }
    if (problems.length === 0) this.contents = next;
    return problems;
  }

  /** Number of rows that are known to be in the files. */
  get rows(): number {
    return [...this.contents.tableDays.values()].reduce((sum, { rows }) => sum + rows.length, 0);
  }

  /** Whether a row is in the files. */
  has(stream: number, n: number): boolean {
    return [...this.contents.tableDays.values()].some((t) => t.stream === stream && t.rows.includes(n));
  }

  /** How many items of a ring are in the files, or what is wrong. */
  private survivors(list: readonly Item[], ring: number, promised: number): number | string {
    const streams = STREAMS.filter((s) => s.ring === ring).map((s) => s.stream);
    const expected = this.contents.copy();
    let rows = 0;
    for (const { stream, day } of this.places(list, streams)) {
      const found = this.rowsOf(stream, day);
      if (typeof found === 'string') return found;
      rows += found - (expected.tableDays.get(`${stream} ${day}`)?.rows.length ?? 0);
    }
    let count = 0;
    for (let seen = 0; seen < rows; count++) {
      if (count >= list.length) return `${rows} new rows where ${seen} were put in`;
      if ((list[count] as Item).kind === 'row') seen++;
    }
    if (rows < 0) return `${-rows} rows that were safe are gone`;
    for (const item of list.slice(0, count)) expected.add(item);
    // texts behind the last row may have survived or not
    let problem = this.compare(expected, list, streams);
    while (problem !== undefined && list[count] !== undefined && list[count]?.kind !== 'row') {
      expected.add(list[count++] as Item);
      problem = this.compare(expected, list, streams);
    }
    if (problem !== undefined) return problem;
    return count < promised ? `${promised} items were promised, ${count} are there` : count;
  }

  private places(list: readonly Item[], streams: readonly number[]): { stream: number; day: number }[] {
    const keys = new Set([
      ...[...this.contents.tableDays.values()].map((t) => `${t.stream} ${t.day}`),
      ...list.filter(({ kind }) => kind !== 'rejected').map(({ stream, day }) => `${stream} ${day}`),
    ]);
    return [...keys]
      .map((key) => key.split(' ').map(Number) as [number, number])
      .map(([stream, day]) => ({ stream, day }))
      .filter(({ stream }) => streams.includes(stream));
  }

  private columnsOf(stream: number): readonly Column[] {
    const { columns } = (STREAMS[stream] as (typeof STREAMS)[number]).table;
    return columns.filter((column) => (this.exact || !column.exact) && column.own !== true);
  }

  private folderOf(stream: number): string {
    const { exchange, directory, table } = STREAMS[stream] as (typeof STREAMS)[number];
    return tableDirectory(this.dataPath, exchange, directory, table.name);
  }

  private rowsOf(stream: number, day: number): number | string {
    const folder = this.folderOf(stream);
    let rows = -1;
    for (const column of this.columnsOf(stream)) {
      const size = this.read(`${folder}/${columnFile(column.name, day)}`)?.length ?? 0;
      const count = size / column.bytes;
      if (rows >= 0 && count !== rows)
        return `${folder} day ${day}: ${column.name} has ${count} of ${rows} rows`;
      rows = count;
    }
    return rows;
  }

  private compare(expected: Contents, list: readonly Item[], streams: readonly number[]): string | undefined {
    for (const { stream, day } of this.places(list, streams)) {
      const content = expected.tableDays.get(`${stream} ${day}`) ?? { stream, day, rows: [], texts: [] };
      const problem = this.compareTableDay(content);
      if (problem !== undefined) return problem;
    }
    const { exchange } = STREAMS[streams[0] as number] as (typeof STREAMS)[number];
    const days = new Set(
      [...expected.rejected.keys(), ...list.map((item) => `${exchange} ${item.day}`)].filter((key) =>
        key.startsWith(`${exchange} `),
      ),
    );
    for (const key of days) {
      const day = Number(key.split(' ')[1]);
      const text = this.read(join(this.dataPath, exchange, rejectedFile(day)))?.toString('utf8') ?? '';
      const wanted = (expected.rejected.get(key) ?? []).join('');
      if (text !== wanted)
        return `${exchange} day ${day}: refused messages: ${text.length} instead of ${wanted.length} characters`;
    }
    return undefined;
  }

  private compareTableDay({ stream, day, rows, texts }: TableDayContent): string | undefined {
    const folder = this.folderOf(stream);
    for (const column of this.columnsOf(stream)) {
      const path = `${folder}/${columnFile(column.name, day)}`;
      const bytes = this.read(path) ?? Buffer.alloc(0);
      if (bytes.length !== rows.length * column.bytes)
        return `${path}: ${bytes.length / column.bytes} rows instead of ${rows.length}`;
      for (const [i, n] of rows.entries()) {
        for (let w = 0; w < column.words; w++) {
          const value = bytes.readUInt32LE(i * column.bytes + w * 4);
          if (value !== wordOf(stream, n, column.word + w)) return `${path}: row ${i} is not row ${n}`;
        }
      }
    }
    const path = join(folder, literalsFile(day));
    const text = this.read(path)?.toString('utf8') ?? '';
    const wanted = texts.join('');
    return text === wanted ? undefined : `${path}: ${text.length} instead of ${wanted.length} characters`;
  }
}
