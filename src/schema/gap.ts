/** The values of a row of GAPS, in one place for those who find gaps: shards and the writer. */
import { flag } from './flags.js';
import { DAY_WORD, STREAM_WORD } from './layout.js';
import { GAP_CAUSES, GAPS, type GapCause } from './tables.js';

const DAY_SECS = 86_400;
const STATE_FLAGS = { repaired: flag('repaired'), unrepairable: flag('unrepairable') };

/** A gap in a table of one symbol. */
export interface GapValues {
  /** id of the table that has the gap */
  readonly tableId: number;
  readonly cause: GapCause;
  /** ids of the first and last missing trade; 0 where the channel has none */
  readonly fromId: number;
  readonly toId: number;
  readonly fromSeconds: number;
  readonly fromNanos: number;
  readonly toSeconds: number;
  readonly toNanos: number;
  /** messages known to be missing, 0 when unknown */
  readonly messages: number;
  /**
   * what has become of its range. repaired: it is there after all, or was never missing · unrepairable: nothing can bring
   * it back; undefined: it is missing
   */
  readonly state?: 'repaired' | 'unrepairable';
}

/** Fills the columns of the record of GAPS that begins at `record`; `seconds`, `nanos`: when the gap was established. */
export function setGap(
  u32: Uint32Array,
  record: number,
  gap: GapValues,
  seconds: number,
  nanos: number,
): void {
  const { at } = GAPS;
  u32[record + at.time] = seconds;
  u32[record + at.nanos] = nanos;
  u32[record + at.table] = gap.tableId;
  u32[record + at.cause] = GAP_CAUSES[gap.cause].id;
  setU64(u32, record + at.from_id, gap.fromId);
  setU64(u32, record + at.to_id, gap.toId);
  u32[record + at.from_time] = gap.fromSeconds;
  u32[record + at.from_nanos] = gap.fromNanos;
  u32[record + at.to_time] = gap.toSeconds;
  u32[record + at.to_nanos] = gap.toNanos;
  setU64(u32, record + at.messages, gap.messages);
  u32[record + at.flags] = gap.state === undefined ? 0 : STATE_FLAGS[gap.state];
}

/** A row of GAPS as a record of its own; `now`: when the gap was established, seconds and nanoseconds. */
export function gapRecord(
  stream: number,
  gap: GapValues,
  [seconds, nanos]: Iterable<number>,
): { readonly day: number; readonly record: Uint32Array } {
  const day = Math.floor(seconds / DAY_SECS);
  const record = new Uint32Array(GAPS.words);
  record[0] = GAPS.headerWord;
  record[STREAM_WORD] = stream;
  record[DAY_WORD] = day;
  setGap(record, 0, gap, seconds, nanos);
  return { day, record };
}

function setU64(u32: Uint32Array, index: number, value: number): void {
  u32[index] = value >>> 0;
  u32[index + 1] = Math.floor(value / 4294967296);
}
