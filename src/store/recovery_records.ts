/**
 * The records of a block of the journal with the places they go to, as the layout of their segment says. Called for
 * every record since the last checkpoint, so nothing is made per record that can be made per place.
 */
import { type DecodedText, decodeRecord } from '../schema/codec.js';
import { DAY_WORD, recordTableId, recordWords, STREAM_WORD } from '../schema/layout.js';
import { TEXT_AT, TEXT_KIND, TEXT_TABLE_ID } from '../schema/text.js';
import { isoDay } from './paths.js';
import { Unexplained } from './recovery_cases.js';
import type { Place, WalkedBlock } from './recovery_log.js';

/** Name of a table-day among those of one recovery. */
export function tableDayName(exchange: string, directory: string, table: string, day: number): string {
  return `${exchange}/${directory}/${table} ${isoDay(day)}`;
}

export function rejectedName(exchange: string, day: number): string {
  return `${exchange} ${isoDay(day)}`;
}

export interface WalkedRecord {
  readonly place: Place;
  readonly words: Uint32Array;
  readonly index: number;
  /** a text record, decoded */
  readonly text: DecodedText | undefined;
  /** the text is a refused message */
  readonly isRejected: boolean;
}

/** Calls `visit` for every record; throws Unexplained for what the layout does not allow. */
export function forEachRecord(walked: WalkedBlock, visit: (record: WalkedRecord) => void): void {
  const { words } = walked.block;
  for (let index = 0; index < words.length; ) {
    const size = recordWords(words[index]);
    const isText = recordTableId(words[index]) === TEXT_TABLE_ID;
    const place = placeOf(walked, index, isText ? words[index + TEXT_AT.table] : recordTableId(words[index]));
    const fits = isText ? size > TEXT_AT.bytes : size === place?.table?.words;
    if (place === undefined || !fits || index + size > words.length)
      throw new Unexplained('unreadable-record', `${size} words at word ${index} are no record`);
    const text = isText ? (decodeRecord(words, index) as DecodedText) : undefined;
    visit({ place, words, index, text, isRejected: text?.kind === TEXT_KIND.rejected });
    index += size;
  }
}

/** Undefined for a stream that nobody announced. */
function placeOf(walked: WalkedBlock, index: number, tableId: number): Place | undefined {
  const { words } = walked.block;
  const stream = words[index + STREAM_WORD];
  const day = words[index + DAY_WORD];
  // below 2^53 for every stream, table and day that can occur
  const key = (stream * 256 + (tableId & 0xff)) * 65_536 + day;
  const known = walked.places.get(key);
  if (known !== undefined && known.day === day) return known;
  const spec = walked.streams.get(stream);
  if (spec === undefined) return undefined;
  const { exchange, directory } = spec;
  const table = walked.tables.find(({ id }) => id === tableId);
  const tableDay = tableDayName(exchange, directory, table?.name ?? '', day);
  const place = { exchange, directory, table, day, tableDay, rejected: rejectedName(exchange, day) };
  walked.places.set(key, place);
  return place;
}
