/**
 * The bits of the `flags` column, declared once. The low half means the same in every table; from
 * MISSING_SHIFT on, bit n says that the n-th optional column of the table was not in the message.
 */
export const FLAGS = {
  repaired: {
    bit: 0,
    doc: 'of a row of GAPS: what rows before it list of its range is there after all, or was never missing; of any other row: it was missed and then fetched over REST',
  },
  duplicate_kept: {
    bit: 1,
    doc: 'may be a duplicate of another row; kept because that could not be ruled out',
  },
  suspect_clock: { bit: 2, doc: 'event time too far from the receive time; filed under the receive day' },
  failed_validation: {
    bit: 3,
    doc: 'it breaks a rule: a price or size is not above zero, the best bid not below the best ask, or the price too far from the one before it',
  },
  replayed: { bit: 4, doc: 'sent as history on subscribing (last_match, trade snapshot), not live' },
  no_event_time: { bit: 5, doc: 'the message has no event time; the time columns hold the receive time' },
  literal_normalized: { bit: 6, doc: 'a number came in exponent form; digits and scale hold the same value' },
  literal_in_sidecar: {
    bit: 7,
    doc: 'a number does not fit its digits column; its text is in the side-car file',
  },
  closed: { bit: 8, doc: 'the candle is finished' },
  aggregated: { bit: 9, doc: 'the candle was aggregated from trades; the exchange does not send it' },
  snapshot_start: { bit: 10, doc: 'first row of a snapshot: everything known of this book before is void' },
  snapshot: { bit: 11, doc: 'part of a snapshot, not a change' },
  event_end: { bit: 12, doc: 'last row of its event: only now is the book consistent' },
  unsynced: { bit: 13, doc: 'the book or the candle was not known to be complete' },
  unrepairable: {
    bit: 14,
    doc: 'of a row of GAPS: what it lists stays missing; where rows before it list the same, its cause says why',
  },
} as const;

export type FlagName = keyof typeof FLAGS;

/** First bit of the "value is missing" half. */
export const MISSING_SHIFT = 16;

/** The bit mask of one flag. */
export function flag(name: FlagName): number {
  return 1 << FLAGS[name].bit;
}
