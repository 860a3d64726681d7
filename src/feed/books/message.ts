/**
 * HOT: an event of an order book as it stands in a message, once per event, in shard threads. One object per parser, read
 * anew for every message; positions refer to the message that was read last.
 */
import { TIME, TIME_RESULT } from '../../base/time.js';
import { type JsonFields, KIND } from '../json/fields.js';
import { isNoTime } from '../json/none.js';
import type { JsonSlots } from '../json/slots.js';
import { RESULT } from '../rows/result.js';
import { readEpoch, u64At } from '../rows/values.js';
import type { BookChange } from './delta_buffer.js';

export class BookMessage implements BookChange {
  /** set by the exchange for changes */
  previous = -1;
  last = -1;
  timed = false;
  seconds = 0;
  nanos = 0;
  firstBid = 0;
  behindBids = 0;
  firstAsk = 0;
  behindAsks = 0;

  /** `texts`: the node that reads the levels of both sides. */
  constructor(readonly texts: JsonSlots) {}

  /**
   * Reads from these places of `fields`: sequence number, time in milliseconds or microseconds (which may be absent) and
   * the levels of each side. RESULT.rows when all of it can be used.
   */
  read(fields: JsonFields, id: number, time: number, bids: number, asks: number): number {
    const { from, to, kind } = fields;
    if (!fields.present(id) || kind[bids] !== KIND.nested || kind[asks] !== KIND.nested)
      return RESULT.missingField;
    this.last = u64At(fields, id);
    if (this.last < 0) return RESULT.badId;
    const moment = fields.present(time) ? readEpoch(fields, time) : TIME_RESULT.outOfRange;
    if (moment === TIME_RESULT.invalid && !isNoTime(fields.bytes, from[time], to[time]))
      return RESULT.badTime;
    this.timed = moment === TIME_RESULT.ok && TIME[0] > 0;
    this.seconds = TIME[0];
    this.nanos = TIME[1];
    this.firstBid = from[bids];
    this.behindBids = to[bids];
    this.firstAsk = from[asks];
    this.behindAsks = to[asks];
    return RESULT.rows;
  }
}
