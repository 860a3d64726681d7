/**
 * The records of a block of the journal with the places they go to, as the layout of their segment says. Called for
 * every record since the last checkpoint: nothing is made per record, and a place is the same object each time, so that
 * callers can keep what they know of it.
 */
import { type DecodedText, decodeRecord } from '../../schema/codec.js';
import { DAY_WORD, recordTableId, recordWords, STREAM_WORD } from '../../schema/layout.js';
import { TEXT_AT, TEXT_KIND, TEXT_TABLE_ID } from '../../schema/text.js';
import { isoDay } from '../disk/paths.js';
import { Unexplained } from './cases.js';
import type { Place, WalkedBlock } from './log.js';

/** Name of a table-day among those of one recovery. */
export function tableDayName(exchange: string, directory: string, table: string, day: number): string {
  return `${exchange}/${directory}/${table} ${isoDay(day)}`;
}

export function rejectedName(exchange: string, day: number): string {
  return `${exchange} ${isoDay(day)}`;
}

/** Called for a record at words[index); `text` is a text record, decoded. */
export type RecordVisitor = (
  place: Place,
  words: Uint32Array,
  index: number,
  text: DecodedText | undefined,
) => void;

export function isRejected(text: DecodedText): boolean {
  return text.kind === TEXT_KIND.rejected;
}

/** Calls `visit` for every record; throws Unexplained for what the layout does not allow. */
export function forEachRecord(walked: WalkedBlock, visit: RecordVisitor): void {
  const { view: words, from, to } = walked.block;
  for (let index = from; index < to; ) {
    const size = recordWords(words[index]);
    const isText = recordTableId(words[index]) === TEXT_TABLE_ID;
    const place = placeOf(walked, index, isText ? words[index + TEXT_AT.table] : recordTableId(words[index]));
    const fits = isText ? size > TEXT_AT.bytes : size === place?.table?.words;
    if (place === undefined || !fits || index + size > to)
      throw new Unexplained('unreadable-record', `${size} words at word ${index - from} are no record`);
    visit(place, words, index, isText ? (decodeRecord(words, index) as DecodedText) : undefined);
    index += size;
  }
}

/** Undefined for a stream that was not announced. */
function placeOf(walked: WalkedBlock, index: number, tableId: number): Place | undefined {
  const { view: words } = walked.block;
  const stream = words[index + STREAM_WORD];
  const day = words[index + DAY_WORD];
  const key = stream * 256 + (tableId & 0xff);
  const places = walked.places.get(key);
  // hardly ever more than two days, the newest of them most of the time
  if (places !== undefined)
    for (let i = places.length - 1; i >= 0; i--) if (places[i].day === day) return places[i];
  const spec = walked.streams.get(stream);
  if (spec === undefined) return undefined;
  const { exchange, directory } = spec;
  const table = walked.tables.find(({ id }) => id === tableId);
  const tableDay = tableDayName(exchange, directory, table?.name ?? '', day);
  const place = { exchange, directory, table, day, tableDay, rejected: rejectedName(exchange, day) };
  if (places === undefined) walked.places.set(key, [place]);
  else places.push(place);
  return place;
}
