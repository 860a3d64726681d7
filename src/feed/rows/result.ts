/** What becomes of messages, in numbers that parsers answer and shards count; and what people read of a refusal. */
import { RULE_REASONS } from './rules.js';

/** What became of one message. Zero and below carries no row yet. */
export const RESULT = {
  /** a part of a snapshot was written: the message has to be offered again when the ring has room for the rest */
  again: -2,
  /** not of a shape the scanner knows: the JSON parser has to look at it */
  noMatch: -1,
  /** a change of an order book that waits for the snapshot it follows; becomes rows, or is counted when it cannot */
  buffered: 0,
  /** at least one row was written */
  rows: 1,
  /** no data: an acknowledgement, a heartbeat, a notice */
  control: 2,
  /** received before and not stored again */
  duplicate: 3,
  /** data of a symbol or channel that is not subscribed */
  unwanted: 4,
  /** well-formed, but of a kind that nothing is known about */
  unknownKind: 5,
  /** a change of an order book that is not complete: of no use without what it changes */
  unsynced: 6,
  /** the ring had no room */
  ringFull: 7,
  /** everything from here on is a refusal with a reason */
  badJson: 10,
  badUtf8: 11,
  missingField: 12,
  badNumber: 13,
  badTime: 14,
  badId: 15,
  tooLarge: 16,
} as const;

/**
 * The result of a message with several parts: a refused one decides, then one that found no room, then a change of no
 * use, then a written row. HOT.
 */
export function worse(a: number, b: number): number {
  if (a >= RESULT.unsynced || b >= RESULT.unsynced) return Math.max(a, b);
  return a === RESULT.rows ? a : b;
}

/** Why a message was refused, for people. */
export const REFUSALS: Readonly<Record<number, string>> = {
  [RESULT.badJson]: 'not valid JSON, or nested too deeply',
  [RESULT.badUtf8]: 'not valid UTF-8',
  [RESULT.missingField]: 'a required value is missing or null',
  [RESULT.badNumber]: 'a value is not a number',
  [RESULT.badTime]: 'the time cannot be read',
  [RESULT.badId]: 'the trade id cannot be read',
  [RESULT.tooLarge]: 'larger than anything that the exchange sends',
};

/** Why the text of a message is kept in a file of its own, for people: by the number that stands with it. */
export const REJECTED_REASONS: Readonly<Record<number, string>> = {
  [RESULT.unknownKind]: 'well-formed, but of a kind that nothing is known about',
  ...REFUSALS,
  ...RULE_REASONS,
};
