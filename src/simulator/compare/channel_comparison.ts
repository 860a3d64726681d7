/**
 * The comparison of one channel of one symbol: which row is which event, and what is missing, repeated or different
 * (compare.ts puts the channels together). In `logger demo` and in tests, when both processes have stopped.
 */
import { flag } from '../../schema/flags.js';
import { CHANNEL_SPECS, type ChannelSpec } from '../market/channels.js';
import { ABSENT, LEDGER_AT, LEDGER_FLAGS, type LedgerRecords } from '../market/ledger.js';
import { hashText, mix32, ORDER_ROLES, orderIdWord } from '../market/random.js';
import { BookCheck } from './book_check.js';
import type { ChannelComparison } from './comparison.js';
import type { GapList } from './gap_list.js';
import { f32BitsOf, type StoredRows, swapBytes } from './rows.js';

const EXAMPLES_MAX = 5;
const TWO_32 = 4294967296;
const BACKFILLED = flag('repaired');
const UNTIMED = flag('no_event_time');
const NORMALIZED = flag('literal_normalized');
const SNAPSHOT = flag('snapshot');
const CLOSED = flag('closed');
const NOT_LIVE = flag('repaired') | flag('replayed');
/** Bits of the ledger and of the `flags` column that say the same. */
const SHARED_FLAGS = [
  [LEDGER_FLAGS.snapshot_start, flag('snapshot_start')],
  [LEDGER_FLAGS.snapshot, SNAPSHOT],
  [LEDGER_FLAGS.event_end, flag('event_end')],
  [LEDGER_FLAGS.closed, flag('closed')],
] as const;
const NAN_BITS = 0x7fc00000;

/** One channel of one symbol under comparison. */
export class ChannelJob {
  readonly #spec: ChannelSpec;
  readonly #events: LedgerRecords;
  readonly #rows: StoredRows;
  readonly #gaps: GapList;
  readonly #symbol_hash: number;
  readonly #result: ChannelComparison;
  /** row of each event, -1 = none */
  readonly #row_of: Int32Array;
  /** event of each row, -1 = none */
  readonly #event_of: Int32Array;
  /** delivered events that are neither on disk nor in GAPS */
  readonly #unlisted = new Set<number>();
  /** whether trades have UUIDs and only share the id column */
  readonly #uuids: boolean;

  constructor(result: ChannelComparison, events: LedgerRecords, rows: StoredRows, gaps: GapList) {
    const spec = CHANNEL_SPECS[result.channel];
    // best quotes of an exchange that does not number them; a number that every connection counts for itself
    const unnumbered = result.channel === 'bbo' && events.count > 0 && events.u64(0, LEDGER_AT.id) === 0;
    const id = unnumbered ? undefined : spec.id;
    this.#spec = { ...spec, id, sequence: events.numbered() ? spec.sequence : undefined };
    this.#events = events;
    this.#rows = rows;
    this.#gaps = gaps;
    this.#symbol_hash = hashText(result.symbol);
    this.#result = result;
    this.#row_of = new Int32Array(events.count).fill(-1);
    this.#event_of = new Int32Array(rows.count).fill(-1);
    this.#uuids = events.count > 0 && events.has(0, 'uuid');
  }

  run(): void {
    this.#countEvents();
    this.#result.on_disk = this.#rows.count;
    this.#matchRows();
    this.#pairStrangers();
    this.#checkOrder();
    this.#explainMissing();
    if (this.#result.channel === 'book') this.#checkBooks();
  }

  #checkBooks(): void {
    const isGap = (event: number) => this.#row_of[event] < 0 && !this.#unlisted.has(event);
    const check = new BookCheck(this.#events, this.#rows, this.#event_of, isGap);
    check.run();
    this.#result.books = check.checked;
    this.#result.wrong_books = check.wrong.length;
    for (const row of check.wrong)
      this.#example(() => `row ${row}: the book after ${this.#describe(this.#event_of[row])} is another one`);
  }

  #countEvents(): void {
    for (let event = 0; event < this.#events.count; event++) {
      if (this.#events.has(event, 'history')) continue;
      this.#result.sent++;
      if (this.#delivered(event) > 0) this.#result.delivered++;
    }
  }

  #delivered(event: number): number {
    return this.#events.word(event, LEDGER_AT.delivered);
  }

  #eventKey(event: number): number {
    const events = this.#events;
    if (this.#uuids) return this.#uuidWord(event, 0);
    const { id, sequence, numbers } = this.#spec;
    const id_key = mix32(events.word(event, LEDGER_AT.id) ^ mix32(events.word(event, LEDGER_AT.id + 1)));
    if (id !== undefined) return id_key;
    let key = mix32(events.word(event, LEDGER_AT.time) ^ mix32(events.word(event, LEDGER_AT.time + 1)));
    if (this.#untimed(event)) key = 0;
    if (sequence !== undefined) key = mix32(key ^ id_key ^ events.side(event));
    for (let i = 0; i < numbers.length; i++) key = mix32(key ^ this.#f32(event, i));
    return key;
  }

  /** Whether rows of this event hold the receive time. */
  #untimed(event: number): boolean {
    return this.#events.word(event, LEDGER_AT.time) === 0;
  }

  #rowKey(row: number): number {
    const { id, sequence, side, numbers } = this.#spec;
    const rows = this.#rows;
    if (this.#uuids) return swapBytes(rows.word('trade_uuid', row));
    const id_column = id ?? sequence;
    const id_key =
      id_column === undefined ? 0 : mix32(rows.word(id_column, row) ^ mix32(rows.word(id_column, row, 1)));
    if (id !== undefined) return id_key;
    const untimed = (rows.word('flags', row) & UNTIMED) !== 0;
    let key = untimed ? 0 : mix32(this.#rowSeconds(row) ^ mix32(this.#rowNanos(row)));
    if (sequence !== undefined) key = mix32(key ^ id_key ^ rows.word(side!, row));
    for (const { column } of numbers) key = mix32(key ^ this.#rowF32(column, row));
    return key;
  }

  #rowSeconds(row: number): number {
    return this.#rows.word(this.#spec.table.time[0], row);
  }

  /** 0 in tables that hold whole seconds only. */
  #rowNanos(row: number): number {
    const [, nanos] = this.#spec.table.time;
    return nanos === undefined ? 0 : this.#rows.word(nanos, row);
  }

  /** The bits of a f32, the same for every NaN. */
  #rowF32(column: string, row: number): number {
    const bits = this.#rows.word(column, row);
    return (bits & 0x7fffffff) > 0x7f800000 ? NAN_BITS : bits;
  }

  #f32(event: number, position: number): number {
    const scale = this.#events.scale(event, position);
    return scale === ABSENT ? NAN_BITS : f32BitsOf(this.#events.digits(event, position), scale);
  }

  #uuidWord(event: number, word: number): number {
    return orderIdWord(
      this.#symbol_hash,
      this.#events.word(event, LEDGER_AT.number),
      ORDER_ROLES.trade,
      word,
    );
  }

  #sameId(event: number, column: string, row: number): boolean {
    return (
      this.#events.word(event, LEDGER_AT.id) === this.#rows.word(column, row) &&
      this.#events.word(event, LEDGER_AT.id + 1) === this.#rows.word(column, row, 1)
    );
  }

  /** Whether event and row are the same by id, or by every f32 where there is no id. */
  #sameKey(event: number, row: number): boolean {
    const { id, sequence, side, numbers } = this.#spec;
    const [events, rows] = [this.#events, this.#rows];
    if (this.#uuids)
      return [0, 1, 2, 3].every(
        (word) => swapBytes(rows.word('trade_uuid', row, word)) === this.#uuidWord(event, word),
      );
    if (id !== undefined) return this.#sameId(event, id, row);
    const untimed = (rows.word('flags', row) & UNTIMED) !== 0;
    return (
      this.#untimed(event) === untimed &&
      (untimed ||
        (events.word(event, LEDGER_AT.time) === this.#rowSeconds(row) &&
          events.word(event, LEDGER_AT.time + 1) === this.#rowNanos(row))) &&
      // a snapshot has the number of the change before it
      (sequence === undefined ||
        (this.#sameId(event, sequence, row) &&
          events.side(event) === rows.word(side!, row) &&
          this.#isSnapshot(event) === ((rows.word('flags', row) & SNAPSHOT) !== 0))) &&
      (this.#result.channel !== 'book' || events.side(event) === rows.word(side!, row)) &&
      numbers.every(({ column }, i) => this.#f32(event, i) === this.#rowF32(column, row))
    );
  }

  /** Whether an event without an id says what the one before it has said: the state that is sent on subscribing. */
  #saysAgain(event: number): boolean {
    const before = event - this.#recordsOf(event);
    if (this.#spec.id !== undefined || before < 0 || this.#row_of[before] < 0) return false;
    const numbers = this.#spec.numbers.map((_, i) => i);
    return (
      this.#eventKey(event) === this.#eventKey(before) &&
      numbers.every((i) => this.#f32(event, i) === this.#f32(before, i))
    );
  }

  /** Records of the event that this one is of: levels of a book, otherwise one. */
  #recordsOf(event: number): number {
    if (this.#result.channel !== 'book') return 1;
    let [first, last] = [event, event];
    while (first > 0 && !this.#events.has(first - 1, 'event_end')) first--;
    while (last + 1 < this.#events.count && !this.#events.has(last, 'event_end')) last++;
    return last + 1 - first;
  }

  #isSnapshot(event: number): boolean {
    return ((this.#events.word(event, LEDGER_AT.side) >>> 8) & LEDGER_FLAGS.snapshot) !== 0;
  }

  /** Finds the event of every row through a hash table of the events, oldest first. */
  #matchRows(): void {
    const { count } = this.#events;
    const size = 2 ** Math.ceil(Math.log2(Math.max(2, count * 2)));
    const head = new Int32Array(size).fill(-1);
    const next = new Int32Array(count);
    const hasId = this.#spec.id !== undefined;
    for (let event = count - 1; event >= 0; event--) {
      // without an id, what was not delivered looks like what was never sent; candles may have been fetched
      if (!hasId && this.#delivered(event) === 0 && !this.#isCandles) continue;
      const bucket = this.#eventKey(event) & (size - 1);
      next[event] = head[bucket];
      head[bucket] = event;
    }
    const used = new Uint32Array(count);
    const wholeBooks = this.#result.channel === 'book' && this.#spec.sequence === undefined;
    for (let row = 0; row < this.#rows.count; row++) {
      const bucket = this.#rowKey(row) & (size - 1);
      let last = -1;
      let found = -1;
      if (wholeBooks)
        for (let event = head[bucket]; event >= 0 && found < 0; event = next[event])
          if (used[event] === 0 && this.#sameKey(event, row) && this.#isInBook(event, row)) found = event;
      for (let event = found < 0 ? head[bucket] : -1; event >= 0; event = next[event]) {
        if (!this.#sameKey(event, row) || !this.#mayBe(event, row)) continue;
        last = event;
        const allowed = hasId && this.#result.channel !== 'bbo' ? 1 : Math.max(1, this.#delivered(event));
        if (used[event] >= allowed || (found >= 0 && used[event] > 0)) continue;
        // one that no row is of comes before one that may have another
        found = event;
        if (used[event] === 0) break;
      }
      if (found >= 0) this.#match(found, row, used);
      else if (last >= 0) {
        this.#result.repeated++;
        this.#example(() => `row ${row} repeats ${this.#describe(last)}`);
      }
      if (found < 0 && last >= 0) this.#event_of[row] = -2;
    }
  }

  /**
   * Whether the level stands in the book of this event: books that are sent whole within a millisecond share levels, so
   * the first one decides, with all that follow it, and the others belong to the book of the level before them.
   */
  #isInBook(event: number, row: number): boolean {
    const [events, rows] = [this.#events, this.#rows];
    if (!events.has(event, 'snapshot_start')) return row > 0 && this.#event_of[row - 1] === event - 1;
    for (let i = 0; event + i < events.count && row + i < rows.count; i++) {
      if (!this.#sameKey(event + i, row + i)) return false;
      if (this.#flagDifference(event + i, rows.word('flags', row + i)) !== undefined) return false;
      if (events.has(event + i, 'event_end')) return true;
    }
    return false;
  }

  get #isCandles(): boolean {
    return this.#result.channel.startsWith('klines_');
  }

  /** Of a candle the growth may be the same as the end, and only that is ever fetched. */
  #mayBe(event: number, row: number): boolean {
    if (!this.#isCandles) return true;
    const flags = this.#rows.word('flags', row);
    if ((flags & BACKFILLED) === 0) return this.#delivered(event) > 0;
    return this.#events.has(event, 'closed') === ((flags & CLOSED) !== 0);
  }

  #match(event: number, row: number, used: Uint32Array): void {
    used[event]++;
    this.#row_of[event] = row;
    this.#event_of[row] = event;
    const flags = this.#rows.word('flags', row);
    if (this.#delivered(event) === 0 && (flags & NOT_LIVE) === 0) {
      this.#result.unexpected++;
      this.#example(
        () =>
          `row ${row} is ${this.#describe(event)}, which was not delivered, and is not marked as repaired`,
      );
      return;
    }
    const difference = this.#difference(event, row, flags);
    if (difference === undefined) return;
    this.#result.different++;
    this.#example(() => `row ${row} of ${this.#describe(event)}: ${difference}`);
  }

  /** What differs between an event and its row. */
  #difference(event: number, row: number, flags: number): string | undefined {
    const { sequence, side, numbers } = this.#spec;
    const [events, rows] = [this.#events, this.#rows];
    const untimed = this.#untimed(event);
    const expected_s = untimed ? rows.word('recv_time', row) : events.word(event, LEDGER_AT.time);
    const expected_ns = untimed ? rows.word('recv_nanos', row) : events.word(event, LEDGER_AT.time + 1);
    if (this.#rowSeconds(row) !== expected_s || this.#rowNanos(row) !== expected_ns)
      return `time is ${this.#rowSeconds(row)}.${this.#rowNanos(row)} instead of ${expected_s}.${expected_ns}`;
    const expected_side = events.side(event);
    if (side !== undefined && rows.word(side, row) !== expected_side)
      return `${side} is ${rows.word(side, row)} instead of ${expected_side}`;
    const id = this.#uuids ? this.#spec.id : sequence;
    if (id !== undefined && !this.#sameId(event, id, row))
      return `${id} is not ${events.u64(event, LEDGER_AT.id)}`;
    for (let i = 0; i < numbers.length; i++) {
      const difference = this.#numberDifference(event, row, i, (flags & (BACKFILLED | NORMALIZED)) !== 0);
      if (difference !== undefined) return difference;
    }
    return (
      this.#integerDifference(event, row) ??
      this.#flagDifference(event, flags) ??
      (this.#result.channel === 'trades' ? this.#orderIdDifference(event, row, flags) : undefined)
    );
  }

  #integerDifference(event: number, row: number): string | undefined {
    const { numbers, integers, table } = this.#spec;
    for (const [i, column] of integers.entries()) {
      const at = LEDGER_AT.digits + 2 * (numbers.length + i);
      const words = table.columns.find(({ name }) => name === column)!.words;
      for (let word = 0; word < words; word++) {
        const expected = this.#events.word(event, at + word);
        const found = this.#rows.word(column, row, word);
        if (found !== expected) return `word ${word} of ${column} is ${found} instead of ${expected}`;
      }
    }
    return undefined;
  }

  #flagDifference(event: number, flags: number): string | undefined {
    const expected = this.#events.word(event, LEDGER_AT.side) >>> 8;
    const wrong = SHARED_FLAGS.find(
      ([ledger, disk]) => ((expected & ledger) !== 0) !== ((flags & disk) !== 0),
    );
    return wrong === undefined ? undefined : `flags are ${flags.toString(2)}, bit ${wrong[1]} is wrong`;
  }

  #numberDifference(event: number, row: number, i: number, byValue: boolean): string | undefined {
    const { table, numbers } = this.#spec;
    const { column, exact } = numbers[i];
    const [digits, scale] = [this.#events.digits(event, i), this.#events.scale(event, i)];
    if (this.#rowF32(column, row) !== this.#f32(event, i)) {
      return `${column} has the bits ${this.#rowF32(column, row).toString(16)} instead of ${this.#f32(event, i).toString(16)} (${digits}e-${scale})`;
    }
    if (exact === undefined || scale === ABSENT || !this.#rows.has(`${exact}_digits`)) return undefined;
    const name = `${exact}_digits`;
    const row_digits = this.#rows.word(name, row) + this.#rows.word(name, row, 1) * TWO_32;
    const position = table.exactNumbers.indexOf(exact);
    const scales = this.#rows.word(position < 4 ? 'scales' : 'scales_high', row);
    const row_scale = (scales >>> ((position & 3) * 8)) & 0xff;
    const same = byValue
      ? BigInt(digits) * 10n ** BigInt(row_scale) === BigInt(row_digits) * 10n ** BigInt(scale)
      : digits === row_digits && scale === row_scale;
    return same ? undefined : `${column} is ${row_digits}e-${row_scale} instead of ${digits}e-${scale}`;
  }

  /** Order ids are on the stream only: a backfilled trade has none. */
  #orderIdDifference(event: number, row: number, flags: number): string | undefined {
    if ((flags & BACKFILLED) !== 0) return undefined;
    const carried = this.#events.has(event, 'order_ids');
    for (const role of ['maker', 'taker'] as const) {
      const column = `${role}_order_id`;
      for (let word = 0; word < 4; word++) {
        const low = this.#events.word(event, LEDGER_AT.number);
        const expected = carried ? orderIdWord(this.#symbol_hash, low, ORDER_ROLES[role], word) : 0;
        if (swapBytes(this.#rows.word(column, row, word)) !== expected) return `${column} differs`;
      }
    }
    return undefined;
  }

  /** A row without an event that stands where a delivered event is missing is that event with another content. */
  #pairStrangers(): void {
    let previous = -1;
    for (let row = 0; row < this.#rows.count; row++) {
      const event = this.#event_of[row];
      if (event >= 0) previous = event;
      if (event !== -1) continue;
      let next = previous + 1;
      while (next < this.#events.count && this.#delivered(next) === 0) next++;
      if (this.#spec.id === undefined && next < this.#events.count && this.#row_of[next] < 0) {
        this.#row_of[next] = row;
        this.#event_of[row] = next;
        previous = next;
        this.#result.different++;
        const difference = this.#difference(next, row, this.#rows.word('flags', row));
        this.#example(() => `row ${row} of ${this.#describe(next)}: ${difference}`);
      } else {
        this.#result.unexpected++;
        this.#example(() => `row ${row} was never sent`);
      }
    }
  }

  /** Within a day the live rows stand in the order in which their events were sent. */
  #checkOrder(): void {
    const flags = this.#rows.words('flags');
    const { day_starts } = this.#rows;
    for (let day = 0; day + 1 < day_starts.length; day++) {
      let latest = -1;
      for (let row = day_starts[day]; row < day_starts[day + 1]; row++) {
        const event = this.#event_of[row];
        if (event < 0 || ((flags?.[row] ?? 0) & NOT_LIVE) !== 0 || this.#isUnordered(event)) continue;
        if (event < latest) {
          this.#result.disordered++;
          this.#example(() => `row ${row} is ${this.#describe(event)}, after a later event`);
        } else latest = event;
      }
    }
  }

  /** What comes over REST has no place among what comes over the connection. */
  #isUnordered(event: number): boolean {
    return this.#events.has(event, 'reordered') || this.#events.has(event, 'fetched');
  }

  #recv(row: number): number {
    return this.#rows.word('recv_time', row) + this.#rows.word('recv_nanos', row) * 1e-9;
  }

  #explainMissing(): void {
    const { count } = this.#events;
    let [first, last] = [count, -1];
    for (let event = 0; event < count; event++) {
      if (this.#delivered(event) === 0) continue;
      if (first === count) first = event;
      last = event;
    }
    // receive time of the first row on disk behind each event
    const after = new Float64Array(count + 1).fill(Number.POSITIVE_INFINITY);
    for (let event = count - 1; event >= 0; event--)
      after[event] = this.#row_of[event] >= 0 ? this.#recv(this.#row_of[event]) : after[event + 1];
    let before = Number.NEGATIVE_INFINITY;
    for (let event = 0; event < count; event++) {
      if (this.#row_of[event] >= 0) before = this.#recv(this.#row_of[event]);
      else if (this.#events.has(event, 'history') || this.#isThrownAway(event)) continue;
      else if (this.#saysAgain(event)) this.#row_of[event] = this.#row_of[event - this.#recordsOf(event)];
      else if (event < first || event > last) this.#result.outside++;
      else if (this.#isListed(event, before, after[event])) this.#result.listed++;
      else {
        this.#result.missing++;
        if (this.#delivered(event) > 0) this.#unlisted.add(event);
        this.#example(() => `${this.#describe(event)} is neither on disk nor in GAPS`);
      }
    }
  }

  /** Whether no row of this answer over REST is on disk: the client may have found it too old. */
  #isThrownAway(event: number): boolean {
    const events = this.#events;
    if (!events.has(event, 'fetched')) return false;
    let first = event;
    while (!events.has(first, 'snapshot_start')) first--;
    for (let i = first; ; i++) {
      if (this.#row_of[i] >= 0) return false;
      if (events.has(i, 'event_end')) return true;
    }
  }

  /** Whether a gap names the id, or where it has no ids, overlaps the time between the neighbours on disk. */
  #isListed(event: number, before: number, after: number): boolean {
    const id = this.#events.u64(event, LEDGER_AT.id);
    const sent =
      this.#events.word(event, LEDGER_AT.sent) + this.#events.word(event, LEDGER_AT.sent + 1) * 1e-9;
    return this.#gaps.hasId(id) || this.#gaps.hasTime(sent, before, after);
  }

  #describe(event: number): string {
    const id = this.#events.u64(event, LEDGER_AT.id);
    const seconds = this.#events.word(event, LEDGER_AT.sent);
    const nanos = this.#events.word(event, LEDGER_AT.sent + 1);
    const time = `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(nanos).padStart(9, '0')}Z`;
    const times = this.#delivered(event);
    return `event ${event} (${id > 0 ? `id ${id}, ` : ''}sent ${time}, delivered ${times}×)`;
  }

  #example(text: () => string): void {
    if (this.#result.examples.length < EXAMPLES_MAX) this.#result.examples.push(text());
  }
}
