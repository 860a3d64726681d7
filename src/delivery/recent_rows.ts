/**
 * The newest rows of every symbol and table, in memory: so many of each, so many in all, and none that was received too
 * long ago. Sink threads (sinks/memory.ts).
 */
import type { Batch } from './batch.js';
import { jsonOf } from './json.js';
import type { Place } from './place.js';
import { RecordView } from './record_view.js';

export interface RecentLimits {
  /** of one symbol and table */
  readonly rowsEach: number;
  readonly rowsTotal: number;
  readonly seconds: number;
}

/** Which rows are asked for; what is not named is not asked of them. */
export interface RecentQuery {
  readonly exchange?: string;
  /** normalized, or as the exchange names it */
  readonly symbol?: string;
  readonly table?: string;
  /** received at this time or later, seconds since 1970 */
  readonly since?: number;
  /** so many at most, the newest */
  readonly limit: number;
}

/** A copy of a row. */
interface Kept {
  /** order of arrival */
  readonly number: number;
  readonly place: Place;
  readonly row: number;
  readonly words: Uint32Array<ArrayBuffer>;
  readonly texts: ReadonlyMap<number, string> | undefined;
  /** seconds since 1970 */
  readonly received: number;
  gone: boolean;
}

/** The rows of a symbol and table. */
interface Series {
  readonly place: Place;
  /** in order of arrival */
  readonly rows: Kept[];
  /** number of the newest row of each day */
  readonly newest: Map<number, number>;
}

/** Entries of rows that are gone are let go when there are so many. */
const GONE_MAX = 4096;

export class RecentRows {
  private readonly series = new Map<string, Series>();
  /** all in order of arrival; those in front of `oldest` are gone, and some behind it */
  private arrived: Kept[] = [];
  private oldest = 0;
  private total = 0;
  private numbers = 0;
  private readonly view = new RecordView();

  constructor(private readonly limits: RecentLimits) {}

  add(batch: Batch, nowSecs: number): void {
    batch.each((view) => this.addRow(view));
    this.forgetBefore(nowSecs - this.limits.seconds);
    this.compact();
  }

  private addRow(view: RecordView): void {
    const { place, row, texts, receivedSeconds: received } = view;
    const { rows, newest } = this.seriesOf(place);
    // delivery is at least once
    if (row <= (newest.get(place.day) ?? -1)) return;
    newest.set(place.day, row);
    const words = new Uint32Array(place.table.words);
    view.copyTo(words, 0);
    const kept: Kept = { number: this.numbers++, place, row, words, texts, received, gone: false };
    rows.push(kept);
    this.arrived.push(kept);
    this.total++;
    if (rows.length > this.limits.rowsEach) this.forget(rows[0]);
    if (this.total > this.limits.rowsTotal) this.forget(this.oldestKept() as Kept);
  }

  private seriesOf(place: Place): Series {
    const key = `${place.exchange}/${place.table.name}/${place.native}`;
    let series = this.series.get(key);
    if (series === undefined) this.series.set(key, (series = { place, rows: [], newest: new Map() }));
    return series;
  }

  private oldestKept(): Kept | undefined {
    const { arrived } = this;
    while (this.oldest < arrived.length && arrived[this.oldest].gone) this.oldest++;
    return arrived[this.oldest];
  }

  /** The first to arrive of its series. */
  private forget(kept: Kept): void {
    kept.gone = true;
    this.total--;
    this.seriesOf(kept.place).rows.shift();
  }

  private forgetBefore(seconds: number): void {
    for (
      let kept = this.oldestKept();
      kept !== undefined && kept.received < seconds;
      kept = this.oldestKept()
    )
      this.forget(kept);
  }

  private compact(): void {
    if (this.arrived.length - this.total < GONE_MAX) return;
    this.arrived = this.arrived.filter(({ gone }) => !gone);
    this.oldest = 0;
  }

  /** The newest rows that are asked for in order of arrival, each as a line of JSON. */
  find({ exchange, symbol, table, since = 0, limit }: RecentQuery, nowSecs: number): string[] {
    const from = Math.max(since, nowSecs - this.limits.seconds);
    const found: Kept[] = [];
    for (const { place, rows } of this.series.values()) {
      if (exchange !== undefined && place.exchange !== exchange) continue;
      if (symbol !== undefined && place.symbol !== symbol && place.native !== symbol) continue;
      if (table !== undefined && place.table.name !== table) continue;
      found.push(...rows.filter(({ received }) => received >= from).slice(-limit));
    }
    const newest = found.sort((a, b) => a.number - b.number).slice(-limit);
    return newest.map((kept) => this.lineOf(kept));
  }

  private lineOf({ words, place, row, texts }: Kept): string {
    this.view.show(words, 0, place, row);
    this.view.texts = texts;
    return jsonOf(this.view);
  }
}
