/**
 * The gaps that GAPS lists for one symbol, to look up whether a missing event is among them.
 * Runs in the comparing process; used by compare.ts.
 */
import { flag } from '../../schema/flags.js';
import { GAP_CAUSES, GAPS, KLINES } from '../../schema/tables.js';
import { readRows } from './rows.js';

const TWO_32 = 4294967296;
const REPAIRED = flag('repaired');
/** What the clocks of simulator and logger may differ by. */
const CLOCKS_APART_S = 0.05;

/** Gaps of one table of one symbol, as GAPS lists them. */
export class GapList {
  readonly #ids: [from: number, to: number][] = [];
  readonly #times: [from_s: number, to_s: number][] = [];

  addIds(from: number, to: number): void {
    this.#ids.push([from, to]);
  }

  addTimes(from_s: number, to_s: number): void {
    this.#times.push([from_s, to_s]);
  }

  /** These ids are there after all: nothing that was listed before explains their absence. */
  removeIds(from: number, to: number): void {
    const left = this.#ids.splice(0).flatMap(([a, b]): [number, number][] => [
      [a, Math.min(b, from - 1)],
      [Math.max(a, to + 1), b],
    ]);
    this.#ids.push(...left.filter(([a, b]) => a <= b));
  }

  /** The same of a gap without ids. */
  removeTimes(from_s: number, to_s: number): void {
    const left = this.#times.splice(0).filter(([from, to]) => from !== from_s || to !== to_s);
    this.#times.push(...left);
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

  /**
   * Whether a gap holds the moment of sending, or overlaps the time of receiving, which lies between the neighbours on
   * disk. What was sent behind a gap is not in it.
   */
  hasTime(sent_s: number, before_s: number, after_s: number): boolean {
    return this.#times.some(
      ([from, to]) =>
        sent_s <= to + CLOCKS_APART_S &&
        (sent_s >= from ||
          Math.max(from, before_s) < Math.min(to, after_s) ||
          // rows of one chunk from the socket have the same receive time
          (from === before_s && to === after_s)),
    );
  }
}

function isKlines(table: number): boolean {
  return Object.values(KLINES).some(({ id }) => id === table);
}

/** The gaps of a symbol by table id. */
export function readGaps(dataPath: string, exchange: string, symbol: string): Map<number, GapList> {
  const rows = readRows(dataPath, exchange, symbol, GAPS);
  const byTable = new Map<number, GapList>();
  const u64 = (column: string, row: number) => rows.word(column, row) + rows.word(column, row, 1) * TWO_32;
  const seconds = (name: string, row: number) =>
    rows.word(`${name}_time`, row) + rows.word(`${name}_nanos`, row) * 1e-9;
  for (let row = 0; row < rows.count; row++) {
    const table = rows.word('table', row);
    const gaps = byTable.get(table) ?? new GapList();
    byTable.set(table, gaps);
    const [from, to] = [u64('from_id', row), u64('to_id', row)];
    // of a candle the last state is fetched, and not how it grew
    const repaired = (rows.word('flags', row) & REPAIRED) !== 0 && !isKlines(table);
    if (rows.word('cause', row) === GAP_CAUSES.reset.id) continue;
    if (to > 0) repaired ? gaps.removeIds(from, to) : gaps.addIds(from, to);
    else if (repaired) gaps.removeTimes(seconds('from', row), seconds('to', row));
    else gaps.addTimes(seconds('from', row), seconds('to', row));
  }
  for (const gaps of byTable.values()) gaps.complete();
  return byTable;
}
