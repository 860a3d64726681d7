/**
 * Rebuilds the order books of one symbol from its BOOK rows, over all days in the order in which they were received, and
 * recomputes the checksums that the exchange sent. Runs in a pool task or on the main thread of `logger verify`.
 */
import { writeDecimal } from '../../base/digits.js';
import { messageOf } from '../../base/errors.js';
import { LevelBook } from '../../book/level_book.js';
import { type BookRule, KEEP_ALL } from '../../book/rules.js';
import { flag } from '../../schema/flags.js';
import { BOOK, BOOK_SIDE, GAP_CAUSES, GAPS } from '../../schema/tables.js';
import { readLiterals } from '../read/decimals.js';
import { readGaps } from '../read/listings.js';
import { type ProblemList, Problems } from '../read/problems.js';
import { type Block, listTableDays, readBlocks, type TableDay, u32Of, u64Of } from '../read/reader.js';
import { isoTime } from '../read/row_text.js';

/** Which books: those of a symbol, judged on one day or on all. */
export interface BookRequest {
  readonly data: string;
  readonly exchange: string;
  readonly symbol: string;
  readonly day?: number;
}

export interface BookReport {
  readonly days: readonly { readonly day: number; readonly problems: ProblemList }[];
  /** events of complete books on the judged days, and checksums among them */
  readonly events: number;
  readonly checksums: number;
}

const COLUMNS = [
  'recv_time',
  'recv_nanos',
  'side',
  'price_digits',
  'size_digits',
  'scales',
  'flags',
  'checksum',
] as const;
const SNAPSHOT_START = flag('snapshot_start');
const EVENT_END = flag('event_end');
const UNSYNCED = flag('unsynced');
const IN_SIDECAR = flag('literal_in_sidecar');

/** The rows of a table-day, one after the other. */
class Cursor {
  /** of the row: position in `words` and all others */
  at = 0;
  private block: Block;
  seconds: Uint32Array;
  nanos: Uint32Array;
  sides: Uint32Array;
  scales: Uint32Array;
  flags: Uint32Array;
  checksums: Uint32Array;
  /** low and high words */
  prices: Uint32Array;
  sizes: Uint32Array;
  private readonly blocks: Generator<Block>;

  constructor(readonly tableDay: TableDay) {
    this.blocks = readBlocks(tableDay, COLUMNS);
    this.block = this.blocks.next().value as Block;
    [this.seconds, this.nanos, this.sides, this.scales, this.flags, this.checksums] = this.words();
    [this.prices, this.sizes] = this.digits();
  }

  private words(): Uint32Array[] {
    return ['recv_time', 'recv_nanos', 'side', 'scales', 'flags', 'checksum'].map((name) =>
      u32Of(this.block, name),
    );
  }

  private digits(): Uint32Array[] {
    return ['price_digits', 'size_digits'].map((name) => {
      const digits = u64Of(this.block, name);
      return new Uint32Array(digits.buffer, digits.byteOffset, digits.length * 2);
    });
  }

  /** Number of the row within the table-day. */
  get row(): number {
    return this.block.fromRow + this.at;
  }

  /** Goes to the next row; false behind the last one. */
  next(): boolean {
    if (++this.at < this.block.rows) return true;
    const next = this.blocks.next();
    if (next.done === true) return false;
    this.block = next.value;
    this.at = 0;
    [this.seconds, this.nanos, this.sides, this.scales, this.flags, this.checksums] = this.words();
    [this.prices, this.sizes] = this.digits();
    return true;
  }

  /** Whether the row was received before that of `other`. */
  isBefore(other: Cursor): boolean {
    const difference = this.seconds[this.at]! - other.seconds[other.at]!;
    return difference < 0 || (difference === 0 && this.nanos[this.at]! < other.nanos[other.at]!);
  }
}

/** Rows of all days in the order of receipt: an event just before midnight may be received behind one after it. */
function* inOrder(days: readonly TableDay[]): Generator<Cursor> {
  let opened = 0;
  const open = () => (opened < days.length ? new Cursor(days[opened++]!) : undefined);
  let first = open();
  let second = open();
  while (first !== undefined) {
    if (second?.isBefore(first) === true) {
      yield second;
      if (!second.next()) second = open();
    } else {
      yield first;
      if (first.next()) continue;
      first = second;
      second = open();
    }
  }
}

/** One book that follows the rows. */
export class BookCheck {
  events = 0;
  checksums = 0;
  private readonly book = new LevelBook();
  /** complete: from a snapshot on, until something is missing or wrong */
  private known = false;
  private crossed = false;
  private readonly text = new Uint8Array(1024);

  constructor(private readonly rule: BookRule) {}

  /** Nothing more is known before the next snapshot. */
  forget(): void {
    this.known = false;
  }

  /** Takes a row; `problems` is absent where nothing is judged. */
  row(cursor: Cursor, problems: Problems | undefined): void {
    const flags = cursor.flags[cursor.at]!;
    if ((flags & SNAPSHOT_START) !== 0) {
      this.book.clear();
      this.known = true;
      this.crossed = false;
    }
    if ((flags & UNSYNCED) !== 0) this.known = false;
    if (!this.known) return;
    const side = cursor.sides[cursor.at]!;
    if (side !== BOOK_SIDE.none && !this.level(side, cursor, flags)) {
      problems?.add('book', () => `row ${cursor.row}: its price or size cannot be part of a book`);
      this.known = false;
      return;
    }
    if ((flags & EVENT_END) === 0) return;
    if (this.rule.depth > 0) this.book.trim(this.rule.depth);
    if (problems === undefined) return;
    this.events++;
    this.compare(cursor, flags, problems);
    this.compareSides(cursor, problems);
  }

  private level(side: number, cursor: Cursor, flags: number): boolean {
    const { text } = this;
    const { at, prices, sizes } = cursor;
    const scales = cursor.scales[at]!;
    const texts = (flags & IN_SIDECAR) === 0 ? undefined : this.sidecar(cursor);
    const price = this.put(0, texts?.get('price'), prices[2 * at]!, prices[2 * at + 1]!, scales & 0xff);
    const size = this.put(
      price,
      texts?.get('size'),
      sizes[2 * at]!,
      sizes[2 * at + 1]!,
      (scales >>> 8) & 0xff,
    );
    return this.book.set(side, text, 0, price, price, size);
  }

  private sidecar({ tableDay, row }: Cursor): ReadonlyMap<string, string> | undefined {
    return readLiterals(tableDay, row, row + 1).get(row);
  }

  /** Index behind the text of the number, which begins at `at`. */
  private put(at: number, text: string | undefined, low: number, high: number, decimals: number): number {
    if (text === undefined) return writeDecimal(this.text, at, low, high, decimals);
    return at + Buffer.from(this.text.buffer).write(text.slice(0, 255), at, 'latin1');
  }

  private compare(cursor: Cursor, flags: number, problems: Problems): void {
    const { checksum, noChecksum } = this.rule;
    const sent = cursor.checksums[cursor.at]!;
    if (checksum === undefined || (flags & BOOK.missing.checksum!) !== 0 || sent === noChecksum) return;
    this.checksums++;
    const made = checksum(this.book);
    if (made === sent) return;
    problems.add('book', () => `${this.place(cursor)}: its checksum is ${sent}, that of the rows is ${made}`);
    this.known = false;
  }

  /** A book that stays crossed is reported once. */
  private compareSides(cursor: Cursor, problems: Problems): void {
    if (!this.known) return;
    const crossed = this.book.isCrossed();
    if (crossed && !this.crossed) {
      const { bids, asks } = this.book;
      problems.add(
        'book',
        () =>
          `${this.place(cursor)}: the best bid, ${bids.price(0)}, is not below the best ask, ${asks.price(0)}`,
      );
    }
    this.crossed = crossed;
  }

  private place(cursor: Cursor): string {
    return `row ${cursor.row}, the end of an event received ${isoTime(cursor.seconds[cursor.at]!, cursor.nanos[cursor.at]!)}`;
  }
}

function hasSnapshot(tableDay: TableDay): boolean {
  for (const block of readBlocks(tableDay, ['flags']))
    if (u32Of(block, 'flags').some((flags) => (flags & SNAPSHOT_START) !== 0)) return true;
  return false;
}

/** The judged days, and those before them that show what the book was when they began. */
function chooseDays(all: readonly TableDay[], day: number | undefined): readonly TableDay[] {
  if (day === undefined) return all;
  const behind = all.findIndex((tableDay) => tableDay.day === day);
  if (behind < 0) return [];
  let first = behind;
  while (first > 0 && all[first - 1]!.day === all[first]!.day - 1) {
    first--;
    if (hasSnapshot(all[first]!)) break;
  }
  return all.slice(first, behind + 1);
}

/** When rows follow that do not continue what was received before, ascending. */
function endsOfGaps(data: string, exchange: string, symbol: string): [seconds: number, nanos: number][] {
  const ends: [number, number][] = [];
  for (const tableDay of listTableDays(data, { exchange, symbol, table: GAPS.name }))
    for (const { table, cause, toTime, toNanos } of readGaps(tableDay))
      if (table === BOOK.id && cause !== GAP_CAUSES.clock.id) ends.push([toTime, toNanos]);
  return ends.sort(([a, b], [c, d]) => a - c || b - d);
}

/** Follows the books of a symbol from row to row by the rule of its exchange; throws only for mistakes of ours. */
export async function verifyBooks(
  { data, exchange, symbol, day }: BookRequest,
  rule: BookRule = KEEP_ALL,
): Promise<BookReport> {
  const check = new BookCheck(rule);
  const problems = new Map<number, Problems>();
  const problemsOf = (judged: number) => {
    if (day !== undefined && judged !== day) return undefined;
    const known = problems.get(judged) ?? new Problems();
    problems.set(judged, known);
    return known;
  };
  let current = day ?? 0;
  try {
    const all = listTableDays(data, { exchange, symbol, table: BOOK.name });
    current = all[0]?.day ?? current;
    const whole = all.filter(
      ({ rows, columns }) => rows > 0 && COLUMNS.every((name) => columns.includes(name)),
    );
    const ends = endsOfGaps(data, exchange, symbol);
    let gap = 0;
    for (const cursor of inOrder(chooseDays(whole, day))) {
      if (cursor.tableDay.day > current + 1) check.forget();
      current = Math.max(current, cursor.tableDay.day);
      const seconds = cursor.seconds[cursor.at]!;
      const nanos = cursor.nanos[cursor.at]!;
      for (; gap < ends.length; gap++) {
        const [endSeconds, endNanos] = ends[gap]!;
        if (endSeconds > seconds || (endSeconds === seconds && endNanos > nanos)) break;
        check.forget();
      }
      check.row(cursor, problemsOf(cursor.tableDay.day));
    }
  } catch (error) {
    problemsOf(current)?.add('unreadable', () => messageOf(error));
  }
  const days = [...problems].map(([judged, found]) => ({ day: judged, problems: found.list() }));
  return { days, events: check.events, checksums: check.checksums };
}
