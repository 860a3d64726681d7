/**
 * Compares the account of a simulation with what the logger has on disk, row by row: every delivered event is there
 * exactly once with exactly its values, nothing else is, and what is missing is listed in GAPS. Symbol by symbol.
 * Runs in a process of its own (tests, bench, command) after both have stopped.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { LoggerError } from '../base/errors.js';
import { decodeName } from '../base/names.js';
import { flag } from '../schema/flags.js';
import { GAPS } from '../schema/tables.js';
import { ACCOUNT_AT, AccountRecords, accountFile } from './account.js';
import { CHANNEL_SPECS, CHANNELS, type Channel, type ChannelSpec } from './channels.js';
import { type ChannelComparison, type Comparison, faultsOf } from './comparison.js';
import { hashText, mix32, ORDER_ROLES, orderIdWord } from './random.js';
import { directoriesIn, f32BitsOf, type Rows, readRows } from './rows.js';

export { formatComparison } from './comparison.js';
export type { ChannelComparison, Comparison };

const EXAMPLES_MAX = 5;
const TWO_32 = 4294967296;
const BACKFILLED = flag('repaired');
const NOT_LIVE = flag('repaired') | flag('replayed');

/** Holes of one table of one symbol, as GAPS lists them. */
class GapList {
  readonly #ids: [from: number, to: number][] = [];
  readonly #times: [from_s: number, to_s: number][] = [];

  addIds(from: number, to: number): void {
    this.#ids.push([from, to]);
  }

  addTimes(from_s: number, to_s: number): void {
    this.#times.push([from_s, to_s]);
  }

  /** Joins what overlaps, so that ids can be looked up. */
  complete(): void {
    const sorted = this.#ids.splice(0).sort((a, b) => a[0] - b[0]);
    for (const [from, to] of sorted) {
      const last = this.#ids.at(-1);
      if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
      else this.#ids.push([from, to]);
    }
  }

  hasId(id: number): boolean {
    let [low, high] = [0, this.#ids.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ids[middle][1] < id) low = middle + 1;
      else high = middle;
    }
    return low < this.#ids.length && this.#ids[low][0] <= id;
  }

  /** Whether a hole holds the moment, or overlaps the time between the neighbours on disk. */
  hasTime(moment_s: number, before_s: number, after_s: number): boolean {
    return this.#times.some(
      ([from, to]) =>
        (moment_s >= from && moment_s <= to) ||
        Math.max(from, before_s) < Math.min(to, after_s) ||
        // rows of one chunk from the socket have the same receive time
        (from === before_s && to === after_s),
    );
  }
}

/** The holes of a symbol by table id. */
function readGaps(dataPath: string, exchange: string, symbol: string): Map<number, GapList> {
  const rows = readRows(dataPath, exchange, symbol, GAPS);
  const byTable = new Map<number, GapList>();
  const u64 = (column: string, row: number) => rows.word(column, row) + rows.word(column, row, 1) * TWO_32;
  const seconds = (name: string, row: number) =>
    rows.word(`${name}_time`, row) + rows.word(`${name}_nanos`, row) * 1e-9;
  for (let row = 0; row < rows.count; row++) {
    const table = rows.word('table', row);
    const gaps = byTable.get(table) ?? new GapList();
    byTable.set(table, gaps);
    if (u64('from_id', row) > 0) gaps.addIds(u64('from_id', row), u64('to_id', row));
    else gaps.addTimes(seconds('from', row), seconds('to', row));
  }
  for (const gaps of byTable.values()) gaps.complete();
  return byTable;
}

/** One channel of one symbol under comparison. */
class ChannelJob {
  readonly #spec: ChannelSpec;
  readonly #events: AccountRecords;
  readonly #rows: Rows;
  readonly #gaps: GapList;
  readonly #symbol_hash: number;
  readonly #result: ChannelComparison;
  /** row of each event, -1 = none */
  readonly #row_of: Int32Array;
  /** event of each row, -1 = none */
  readonly #event_of: Int32Array;

  constructor(result: ChannelComparison, events: AccountRecords, rows: Rows, gaps: GapList) {
    this.#spec = CHANNEL_SPECS[result.channel];
    this.#events = events;
    this.#rows = rows;
    this.#gaps = gaps;
    this.#symbol_hash = hashText(result.symbol);
    this.#result = result;
    this.#row_of = new Int32Array(events.count).fill(-1);
    this.#event_of = new Int32Array(rows.count).fill(-1);
  }

  run(): void {
    this.#countEvents();
    this.#result.on_disk = this.#rows.count;
    this.#matchRows();
    this.#pairStrangers();
    this.#checkOrder();
    this.#explainMissing();
  }

  #countEvents(): void {
    for (let event = 0; event < this.#events.count; event++) {
      if (this.#events.has(event, 'history')) continue;
      this.#result.sent++;
      if (this.#delivered(event) > 0) this.#result.delivered++;
    }
  }

  #delivered(event: number): number {
    return this.#events.word(event, ACCOUNT_AT.delivered);
  }

  #eventKey(event: number): number {
    const events = this.#events;
    if (this.#spec.id !== undefined)
      return mix32(events.word(event, ACCOUNT_AT.id) ^ mix32(events.word(event, ACCOUNT_AT.id + 1)));
    let key = mix32(events.word(event, ACCOUNT_AT.time) ^ mix32(events.word(event, ACCOUNT_AT.time + 1)));
    for (let i = 0; i < this.#spec.literals.length; i++) key = mix32(key ^ this.#f32(event, i));
    return key;
  }

  #rowKey(row: number): number {
    const { id, table, literals } = this.#spec;
    const rows = this.#rows;
    if (id !== undefined) return mix32(rows.word(id, row) ^ mix32(rows.word(id, row, 1)));
    let key = mix32(rows.word(table.time[0], row) ^ mix32(rows.word(table.time[1], row)));
    for (const { column } of literals) key = mix32(key ^ rows.word(column, row));
    return key;
  }

  #f32(event: number, literal: number): number {
    return f32BitsOf(this.#events.digits(event, literal), this.#events.scale(event, literal));
  }

  /** Whether event and row are the same by id, or by every f32 where there is no id. */
  #sameKey(event: number, row: number): boolean {
    const { id, table, literals } = this.#spec;
    const [events, rows] = [this.#events, this.#rows];
    if (id !== undefined) {
      return (
        events.word(event, ACCOUNT_AT.id) === rows.word(id, row) &&
        events.word(event, ACCOUNT_AT.id + 1) === rows.word(id, row, 1)
      );
    }
    return (
      events.word(event, ACCOUNT_AT.time) === rows.word(table.time[0], row) &&
      events.word(event, ACCOUNT_AT.time + 1) === rows.word(table.time[1], row) &&
      literals.every(({ column }, i) => this.#f32(event, i) === rows.word(column, row))
    );
  }

  /** Finds the event of every row through a hash table of the events, oldest first. */
  #matchRows(): void {
    const { count } = this.#events;
    const size = 2 ** Math.ceil(Math.log2(Math.max(2, count * 2)));
    const head = new Int32Array(size).fill(-1);
    const next = new Int32Array(count);
    const hasId = this.#spec.id !== undefined;
    for (let event = count - 1; event >= 0; event--) {
      // without an id, what was not delivered cannot be told from what was never sent
      if (!hasId && this.#delivered(event) === 0) continue;
      const bucket = this.#eventKey(event) & (size - 1);
      next[event] = head[bucket];
      head[bucket] = event;
    }
    const used = new Uint32Array(count);
    for (let row = 0; row < this.#rows.count; row++) {
      const bucket = this.#rowKey(row) & (size - 1);
      let last = -1;
      let found = -1;
      for (let event = head[bucket]; event >= 0 && found < 0; event = next[event]) {
        if (!this.#sameKey(event, row)) continue;
        last = event;
        const allowed = this.#result.channel === 'trades' ? 1 : Math.max(1, this.#delivered(event));
        if (used[event] < allowed) found = event;
      }
      if (found >= 0) this.#match(found, row, used);
      else if (last >= 0) {
        this.#result.repeated++;
        this.#example(() => `row ${row} repeats ${this.#describe(last)}`);
      }
      if (found < 0 && last >= 0) this.#event_of[row] = -2;
    }
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
    const { table, side, literals } = this.#spec;
    const [events, rows] = [this.#events, this.#rows];
    const [seconds, nanos] = table.time;
    const untimed = events.word(event, ACCOUNT_AT.time) === 0;
    const expected_s = untimed ? rows.word('recv_time', row) : events.word(event, ACCOUNT_AT.time);
    const expected_ns = untimed ? rows.word('recv_nanos', row) : events.word(event, ACCOUNT_AT.time + 1);
    if (rows.word(seconds, row) !== expected_s || rows.word(nanos, row) !== expected_ns) {
      return `time is ${rows.word(seconds, row)}.${rows.word(nanos, row)} instead of ${expected_s}.${expected_ns}`;
    }
    const expected_side = events.side(event);
    if (side !== undefined && rows.word(side, row) !== expected_side)
      return `${side} is ${rows.word(side, row)} instead of ${expected_side}`;
    for (let i = 0; i < literals.length; i++) {
      const difference = this.#literalDifference(event, row, i, (flags & BACKFILLED) !== 0);
      if (difference !== undefined) return difference;
    }
    return this.#result.channel === 'trades' ? this.#orderIdDifference(event, row, flags) : undefined;
  }

  #literalDifference(event: number, row: number, i: number, byValue: boolean): string | undefined {
    const { table, literals } = this.#spec;
    const { column, exact } = literals[i];
    const [digits, scale] = [this.#events.digits(event, i), this.#events.scale(event, i)];
    if (this.#rows.word(column, row) !== this.#f32(event, i)) {
      return `${column} has the bits ${this.#rows.word(column, row).toString(16)} instead of ${this.#f32(event, i).toString(16)} (${digits}e-${scale})`;
    }
    if (exact === undefined || !this.#rows.has(`${exact}_digits`)) return undefined;
    const name = `${exact}_digits`;
    const row_digits = this.#rows.word(name, row) + this.#rows.word(name, row, 1) * TWO_32;
    const row_scale = (this.#rows.word('scales', row) >>> (table.literals.indexOf(exact) * 8)) & 0xff;
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
        const low = this.#events.word(event, ACCOUNT_AT.id);
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
        if (event < 0 || ((flags?.[row] ?? 0) & NOT_LIVE) !== 0 || this.#events.has(event, 'reordered'))
          continue;
        if (event < latest) {
          this.#result.disordered++;
          this.#example(() => `row ${row} is ${this.#describe(event)}, after a later event`);
        } else latest = event;
      }
    }
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
      else if (this.#events.has(event, 'history')) continue;
      else if (event < first || event > last) this.#result.outside++;
      else if (this.#isListed(event, before, after[event])) this.#result.listed++;
      else {
        this.#result.missing++;
        this.#example(() => `${this.#describe(event)} is neither on disk nor in GAPS`);
      }
    }
  }

  /** Whether a gap names the id, or where it has no ids, overlaps the time between the neighbours on disk. */
  #isListed(event: number, before: number, after: number): boolean {
    const id = this.#events.u64(event, ACCOUNT_AT.id);
    const sent =
      this.#events.word(event, ACCOUNT_AT.sent) + this.#events.word(event, ACCOUNT_AT.sent + 1) * 1e-9;
    return this.#gaps.hasId(id) || this.#gaps.hasTime(sent, before, after);
  }

  #describe(event: number): string {
    const id = this.#events.u64(event, ACCOUNT_AT.id);
    const seconds = this.#events.word(event, ACCOUNT_AT.sent);
    const nanos = this.#events.word(event, ACCOUNT_AT.sent + 1);
    const time = `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(nanos).padStart(9, '0')}Z`;
    const times = this.#delivered(event);
    return `event ${event} (${id > 0 ? `id ${id}, ` : ''}sent ${time}, delivered ${times}×)`;
  }

  #example(text: () => string): void {
    if (this.#result.examples.length < EXAMPLES_MAX) this.#result.examples.push(text());
  }
}

function swapBytes(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

function emptyResult(exchange: string, symbol: string, channel: Channel): ChannelComparison {
  const zero = { sent: 0, delivered: 0, on_disk: 0, missing: 0, listed: 0, outside: 0 };
  const faults = { unexpected: 0, repeated: 0, different: 0, disordered: 0 };
  return { exchange, symbol, channel, ...zero, ...faults, examples: [] };
}

function compareSymbol(
  accountDir: string,
  dataPath: string,
  exchange: string,
  symbol: string,
): ChannelComparison[] {
  const gaps = readGaps(dataPath, exchange, symbol);
  return CHANNELS.flatMap((channel): ChannelComparison[] => {
    const { table } = CHANNEL_SPECS[channel];
    const path = accountFile(accountDir, exchange, symbol, channel);
    const rows = readRows(dataPath, exchange, symbol, table);
    const result = emptyResult(exchange, symbol, channel);
    if (!existsSync(path)) {
      if (rows.count === 0) return [];
      result.on_disk = rows.count;
      result.unexpected = rows.count;
      result.examples.push('the simulation sent nothing on this channel');
      return [result];
    }
    new ChannelJob(
      result,
      new AccountRecords(path, channel),
      rows,
      gaps.get(table.id) ?? new GapList(),
    ).run();
    return [result];
  });
}

/**
 * Compares the account in `accountDir` with the column files under `dataPath`. Both processes must have stopped, or
 * at least have written everything: the logger flushes every few seconds, the simulator on GET /account.
 */
export function compareAccount(accountDir: string, dataPath: string): Comparison {
  if (!existsSync(accountDir))
    throw new LoggerError('DATA_UNREADABLE', `no account at ${accountDir}: run logger simulate --account`);
  const exchanges = readdirSync(accountDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  const channels = exchanges.flatMap((exchange) => {
    const names = new Set([
      ...directoriesIn(join(accountDir, exchange)),
      ...directoriesIn(join(dataPath, exchange)),
    ]);
    const symbols = [...names].map(decodeName).filter((symbol) => symbol !== undefined);
    return symbols.sort().flatMap((symbol) => compareSymbol(accountDir, dataPath, exchange, symbol));
  });
  return { channels, ok: channels.every((channel) => faultsOf(channel) === 0) };
}
