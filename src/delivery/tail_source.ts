/**
 * Rows from the journal, live. It begins at a checkpoint, which says how many rows every table-day had, and counts from
 * there, so that each row has the number that it has in the column files; what was delivered before is counted and not
 * shown.
 */
import { DAY_WORD, recordTableId, recordWords, STREAM_WORD, type Table } from '../schema/layout.js';
import { isLiteral, TEXT_AT, TEXT_TABLE_ID } from '../schema/text.js';
import type { Checkpoint } from '../store/journal/checkpoint.js';
import { BLOCK_KIND } from '../store/journal/format.js';
import { decodeStates, type States } from '../store/journal/states.js';
import type { Streams } from '../store/journal/streams.js';
import type { JournalTail, TailBlock } from '../store/journal/tail.js';
import type { Filter } from './filter.js';
import { type Place, placeOf, type SymbolNames, tableDayKey } from './place.js';
import { RecordView } from './record_view.js';
import type { Position, RecordSource } from './source.js';

/** A table-day of which rows have come. */
interface Counted {
  readonly place: Place;
  readonly wanted: boolean;
  /** rows that it has up to now */
  rows: number;
  /** block that said last what it has */
  readonly block: number;
}

/** What a checkpoint or a block says of a table-day of which no row has come yet. */
type Base = Pick<Counted, 'rows' | 'block'>;

export interface TailSourceOptions {
  /** at the block of the checkpoint */
  readonly tail: JournalTail;
  readonly checkpoint: Checkpoint;
  /** the last block whose rows are not shown */
  readonly delivered: number;
  readonly filter: Filter;
  readonly names: SymbolNames;
  /** rows that were received before are not shown, seconds since 1970 */
  readonly since: number;
}

export class TailSource implements RecordSource {
  private readonly view = new RecordView();
  private readonly bases = new Map<string, Base>();
  private readonly counted = new Map<string, Counted>();
  /** of the segment: by stream and table, the newest day last */
  private places = new Map<number, Counted[]>();
  private streams: Streams | undefined;
  private block: TailBlock | undefined;
  /** the record that comes next in the block, or its end */
  private at = 0;

  constructor(private readonly options: TailSourceOptions) {
    this.takeBases(options.checkpoint.states, options.checkpoint.sequence);
  }

  get position(): Position | undefined {
    const inside = this.block !== undefined && this.at < this.block.block.to;
    return inside ? undefined : { block: this.options.tail.position };
  }

  next(): RecordView | undefined {
    while (this.block === undefined || this.at >= this.block.block.to) {
      this.block = this.options.tail.next();
      if (this.block === undefined) return undefined;
      this.begin(this.block);
    }
    const { view: words } = this.block.block;
    const counted = this.countedAt(this.block, this.at);
    this.view.show(words, this.at, counted.place, counted.rows++);
    this.at += recordWords(words[this.at]);
    if (this.view.hasTexts) this.addTexts(words, counted.place.table);
    this.skip(this.block);
    return this.view;
  }

  private begin(block: TailBlock): void {
    const { kind, from, to, bytes, sequence } = block.block;
    if (block.streams !== this.streams) {
      this.streams = block.streams;
      this.places = new Map();
    }
    if (kind === BLOCK_KIND.bases) this.takeBases(decodeStates(JSON.parse(bytes.toString('utf8'))), sequence);
    this.at = kind === BLOCK_KIND.records ? from : to;
    this.skip(block);
  }

  /** What table-days had when they were opened. */
  private takeBases({ tableDays }: States, block: number): void {
    for (const { exchange, directory, table, day, rows } of tableDays) {
      const key = tableDayKey(exchange, directory, table, day);
      this.counted.delete(key);
      this.bases.set(key, { rows, block });
    }
    this.places = new Map();
  }

  /** Table-days that the writer had closed by a checkpoint need no memory: they are opened again with a new base. */
  forget({ sequence, states }: Checkpoint): void {
    const open = new Set(states.tableDays.map((s) => tableDayKey(s.exchange, s.directory, s.table, s.day)));
    for (const known of [this.bases, this.counted])
      for (const [key, { block }] of known) if (block <= sequence && !open.has(key)) known.delete(key);
    this.places = new Map();
  }

  /** Goes on to the next record that is to be shown. */
  private skip(block: TailBlock): void {
    const { view: words, to, sequence } = block.block;
    const { delivered, since } = this.options;
    while (this.at < to) {
      const { at } = this;
      if (recordTableId(words[at]) !== TEXT_TABLE_ID) {
        const counted = this.countedAt(block, at);
        const { recv_time, time } = counted.place.table.at;
        if (counted.wanted && sequence > delivered && words[at + (recv_time ?? time)] >= since) return;
        counted.rows++;
      }
      this.at = at + recordWords(words[at]);
    }
  }

  private addTexts(words: Uint32Array<ArrayBuffer>, table: Table): void {
    const texts = new Map<number, string>();
    const { to } = (this.block as TailBlock).block;
    for (; this.at < to && isLiteral(words, this.at); this.at += recordWords(words[this.at])) {
      const start = words.byteOffset + (this.at + TEXT_AT.text) * 4;
      const text = Buffer.from(words.buffer, start, words[this.at + TEXT_AT.bytes]).toString('utf8');
      if (words[this.at + TEXT_AT.table] === table.id) texts.set(words[this.at + TEXT_AT.detail], text);
    }
    this.view.texts = texts;
  }

  private countedAt(block: TailBlock, at: number): Counted {
    const { view: words } = block.block;
    const tableId = recordTableId(words[at]);
    const stream = words[at + STREAM_WORD];
    const day = words[at + DAY_WORD];
    const key = stream * 256 + tableId;
    const days = this.places.get(key);
    // hardly ever more than two
    if (days !== undefined)
      for (let i = days.length - 1; i >= 0; i--) if (days[i].place.day === day) return days[i];
    const counted = this.count(block, stream, tableId, day);
    if (days === undefined) this.places.set(key, [counted]);
    else days.push(counted);
    return counted;
  }

  private count({ tables, streams }: TailBlock, stream: number, tableId: number, day: number): Counted {
    const name = streams.get(stream);
    const table = tables.find(({ id }) => id === tableId);
    if (name === undefined || table === undefined)
      throw new Error(
        `the journal holds a record of stream ${stream} and table ${tableId}, which it does not name`,
      );
    const key = tableDayKey(name.exchange, name.directory, table.name, day);
    let counted = this.counted.get(key);
    if (counted === undefined) {
      const place = placeOf(name, table, day, this.options.names);
      const { rows, block } = this.baseOf(key);
      counted = { place, wanted: this.options.filter(place), rows, block };
      this.counted.set(key, counted);
    }
    return counted;
  }

  private baseOf(key: string): Base {
    const base = this.bases.get(key);
    if (base === undefined) throw new Error(`the journal does not say how many rows ${key} had before`);
    this.bases.delete(key);
    return base;
  }

  close(): void {
    this.options.tail.close();
  }
}
