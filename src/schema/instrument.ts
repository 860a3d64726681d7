/** The values of a row of INSTRUMENTS, and what tells it from the row before it. Main thread. */
import { parseIrregular } from '../base/exact.js';
import { flag } from './flags.js';
import { DAY_WORD } from './layout.js';
import { INSTRUMENT_STATES, INSTRUMENTS, type InstrumentState } from './tables.js';

const DAY_MS = 86_400_000;
const NANOS_PER_MS = 1_000_000;
const NORMALIZED = flag('literal_normalized');

export interface InstrumentValues {
  readonly state: InstrumentState;
  /** smallest steps of price and size, as the exchange writes them; '' where it does not say */
  readonly tick: string;
  readonly lot: string;
  /** since when it is listed, ms since 1970 */
  readonly listedMs?: number | undefined;
}

/** Columns whose change makes a new row; all are one word wide. */
export const INSTRUMENT_FACTS = ['state', 'tick_size', 'lot_size', 'listed_time'] as const;

/** What a row says, to be compared; `wordOf`: the word of a column. */
export function factsOf(wordOf: (column: (typeof INSTRUMENT_FACTS)[number]) => number): string {
  return INSTRUMENT_FACTS.map(wordOf).join(' ');
}

/** A row of INSTRUMENTS as a record of its own, still without its stream; `seenMs`: when the list came, ms since 1970. */
export function instrumentRecord(
  { state, tick, lot, listedMs = 0 }: InstrumentValues,
  seenMs: number,
): Uint32Array {
  const { at, missing } = INSTRUMENTS;
  const record = new Uint32Array(INSTRUMENTS.words);
  record[0] = INSTRUMENTS.headerWord;
  record[DAY_WORD] = Math.floor(seenMs / DAY_MS);
  record[at.time] = Math.floor(seenMs / 1000);
  record[at.nanos] = (seenMs % 1000) * NANOS_PER_MS;
  record[at.state] = INSTRUMENT_STATES[state].id;
  record[at.listed_time] = Math.floor(listedMs / 1000);
  if (record[at.listed_time] === 0) record[at.flags] |= missing.listed_time;
  setStep(record, 'tick_size', 0, tick);
  setStep(record, 'lot_size', 1, lot);
  return record;
}

/** A step that is no number, or none that its columns can hold, is missing. */
function setStep(record: Uint32Array, name: 'tick_size' | 'lot_size', position: number, text: string): void {
  const { at, missing } = INSTRUMENTS;
  const floats = new Float32Array(record.buffer);
  const number = parseIrregular(text);
  if (number?.words === undefined) {
    floats[at[name]] = Number.NaN;
    record[at.flags] |= missing[name];
    return;
  }
  floats[at[name]] = number.value;
  record.set(number.words, at[`${name}_digits`]);
  record[at.scales] |= number.decimals << (8 * position);
  if (!number.sameText) record[at.flags] |= NORMALIZED;
}
