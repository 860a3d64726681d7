/**
 * HOT: tickers whose messages carry only what has changed, once per message, in shard threads. Keeps the newest numbers
 * of each slot as they were sent, so that every row of MD is complete and exact.
 */
import { LITERAL, parseDecimal } from '../base/number.js';
import { MD } from '../schema/tables.js';
import { type JsonFields, KIND } from './fields.js';
import type { Rows } from './rows.js';

const M = MD.at;
/** price, best bid, best ask and volume, as the literals of MD are ordered */
const NUMBERS = MD.literals.length;
const VALUES = [M.price, M.best_bid, M.best_ask, M.volume];
const DIGITS = [M.price_digits, M.best_bid_digits, M.best_ask_digits, M.volume_digits];
const MISSING = [0, MD.missing.best_bid, MD.missing.best_ask, MD.missing.volume];
const VOLUME = 3;
/** A text longer than this is no number of a market. */
const BYTES_MAX = 64;

export class KnownTickers {
  private bytes = new Uint8Array(0);
  /** bytes of each number, 0 where there is none */
  private lengths = new Uint8Array(0);
  /** whether a snapshot has come */
  private known = new Uint8Array(0);

  /** Makes room for `slots` streams. */
  resize(slots: number): void {
    if (slots <= this.known.length) return;
    const { bytes, lengths, known } = this;
    this.known = new Uint8Array(slots);
    this.known.set(known);
    this.lengths = new Uint8Array(slots * NUMBERS);
    this.lengths.set(lengths);
    this.bytes = new Uint8Array(slots * NUMBERS * BYTES_MAX);
    this.bytes.set(bytes);
  }

  /** A new connection begins with snapshots. */
  forget(): void {
    this.known.fill(0);
  }

  isKnown(slot: number): boolean {
    return this.known[slot] === 1;
  }

  hasPrice(slot: number): boolean {
    return this.lengths[slot * NUMBERS] > 0;
  }

  /** Whether a message carries one of the numbers, which are the fields from `first` on. */
  isTouched(data: JsonFields, first: number): boolean {
    for (let n = 0; n < NUMBERS; n++) if (data.kind[first + n] !== KIND.absent) return true;
    return false;
  }

  /** Takes over what a message carries, a snapshot also what it lacks; false when something is no number. */
  take(slot: number, data: JsonFields, first: number, snapshot: boolean): boolean {
    let good = true;
    for (let n = 0; n < NUMBERS; n++) {
      const field = first + n;
      if (data.kind[field] === KIND.absent && !snapshot) continue;
      const at = slot * NUMBERS + n;
      // what is sent as "" is not known any more, and neither is what cannot be read
      this.lengths[at] = 0;
      if (!data.present(field)) continue;
      const from = data.from[field];
      const length = data.to[field] - from;
      if (length > BYTES_MAX || parseDecimal(data.bytes, from, from + length) === LITERAL.invalid) {
        good = false;
        continue;
      }
      const to = at * BYTES_MAX;
      for (let i = 0; i < length; i++) this.bytes[to + i] = data.bytes[from + i];
      this.lengths[at] = length;
    }
    this.known[slot] = 1;
    return good;
  }

  /** The numbers of a row of MD; the volume is that of 24 hours, the size of the last trade is not sent. */
  write(rows: Rows, slot: number): void {
    const { bytes, lengths } = this;
    for (let n = 0; n < NUMBERS; n++) {
      const at = slot * NUMBERS + n;
      const from = at * BYTES_MAX;
      if (lengths[at] === 0) rows.missing(VALUES[n], MISSING[n]);
      else rows.decimal(VALUES[n], DIGITS[n], n, bytes, from, from + lengths[at], n === 0);
    }
    const volume = slot * NUMBERS + VOLUME;
    const from = volume * BYTES_MAX;
    if (lengths[volume] === 0) rows.missing(M.volume_24h, MD.missing.volume_24h);
    else rows.float(M.volume_24h, bytes, from, from + lengths[volume]);
    rows.missing(M.last_size, MD.missing.last_size);
  }
}
