/**
 * The ledger: every data event of the simulation, delivered or not, in fixed-width records, one file per
 * (exchange, symbol, channel): `{dir}/{exchange}/{encodeName(symbol)}/{channel}.bin`. A record is what one row on disk
 * must hold; an event of the book has one per level. Records are little-endian 4-byte words:
 *
 *   word 0-1  id: trade id, update id, sequence of the book or 0 · u64
 *   word 2-3  event time, seconds and nanoseconds; 0, 0 when the message carries none
 *   word 4-5  when it was sent, or would have been, seconds and nanoseconds
 *   word 6    how often it was handed to a connection
 *   word 7    side of the taker or of the level (bits 0-7), flags (bits 8-31)
 *   word 8-9  decimals of each number as sent, 8 bits each, in the order of channels.ts; 255 = not in the message.
 *             Of trades word 9 is the number that order ids and UUIDs are derived from, of the book it is the hash of
 *             the whole book after the event, on the event's last record
 *   word 10…  digits of each number, then the integers · u64 each
 *
 * HOT: LedgerStream.record() runs per event. Runs in the simulator process; the reader is used by compare/compare.ts.
 */
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LoggerError } from '../../base/errors.js';
import { encodeName } from '../../base/names.js';
import { CHANNEL_SPECS, type Channel } from './channels.js';

export const LEDGER_AT = {
  id: 0,
  time: 2,
  sent: 4,
  delivered: 6,
  side: 7,
  scales: 8,
  number: 9,
  book_hash: 9,
  digits: 10,
} as const;

export const LEDGER_FLAGS = {
  /** happened before the simulation: may be on disk (sent as history on subscribing), need not be */
  history: 1,
  /** carries the order ids that random.ts derives from symbol and trade number */
  order_ids: 2,
  /** swapped with its neighbour on the wire, or sent in a frame that has the newest first */
  reordered: 4,
  /** its id is a UUID, derived from symbol and trade number; the id column may repeat */
  uuid: 8,
  /** level of a snapshot */
  snapshot: 16,
  /** the first level of a snapshot */
  snapshot_start: 32,
  /** the last level of an event */
  event_end: 64,
  /** answer to a request over REST, which a client may throw away */
  fetched: 128,
  /** the candle is finished */
  closed: 256,
} as const;

/** Decimals of a number that the message does not carry. */
export const ABSENT = 255;

const RECORDS_BUFFERED = 128;
const TWO_16 = 65536;
const TWO_32 = 4294967296;
const VALUES_MAX = 10;
const BILLION = 1e9;

export function recordWordsOf(channel: Channel): number {
  const { numbers, integers } = CHANNEL_SPECS[channel];
  return LEDGER_AT.digits + 2 * (numbers.length + integers.length);
}

export function ledgerFile(directory: string, exchange: string, symbol: string, channel: Channel): string {
  return join(directory, exchange, encodeName(symbol), `${channel}.bin`);
}

/** The values of the event that was composed last; protocol files fill it, the ledger copies it. */
export class EventValues {
  id_low = 0;
  id_high = 0;
  time_s = 0;
  time_ns = 0;
  side = 0;
  /** what order ids and UUIDs are derived from */
  number = 0;
  /** flags that the message itself decides: order_ids, uuid, closed */
  flags = 0;
  readonly digits = new Float64Array(VALUES_MAX);
  readonly scales = new Uint8Array(8);

  /** Forgets what the event before it said. */
  clear(): void {
    this.id_low = 0;
    this.id_high = 0;
    this.time_s = 0;
    this.time_ns = 0;
    this.side = 0;
    this.number = 0;
    this.flags = 0;
  }

  /** An id below 2^53. */
  setId(id: number): void {
    this.id_low = id >>> 0;
    this.id_high = Math.floor(id / TWO_32);
  }

  /** The id `billions` × 10^9 + `rest`, up to 2^64; `rest` below 10^9. */
  setLongId(billions: number, rest: number): void {
    const upper = Math.floor(billions / TWO_16) * BILLION;
    const lower = (billions % TWO_16) * BILLION + rest + (upper % TWO_16) * TWO_16;
    this.id_low = lower >>> 0;
    this.id_high = Math.floor(upper / TWO_16) + Math.floor(lower / TWO_32);
  }

  /** Event time in microseconds since 1970 UTC. */
  setTime(time_us: number): void {
    this.time_s = Math.floor(time_us / 1e6);
    this.time_ns = (time_us - this.time_s * 1e6) * 1000;
  }

  set(index: number, digits: number, scale: number): void {
    this.digits[index] = digits;
    this.scales[index] = scale;
  }

  /** The number is not in the message. */
  setAbsent(index: number): void {
    this.digits[index] = 0;
    this.scales[index] = ABSENT;
  }
}

/** Appends the records of one (exchange, symbol, channel). */
export class LedgerStream {
  readonly #path: string;
  readonly #words: Uint32Array;
  readonly #record_words: number;
  readonly #values: number;
  readonly #trades: boolean;
  #used = 0;

  constructor(directory: string, exchange: string, symbol: string, channel: Channel) {
    this.#path = ledgerFile(directory, exchange, symbol, channel);
    this.#record_words = recordWordsOf(channel);
    this.#values = (this.#record_words - LEDGER_AT.digits) / 2;
    this.#trades = channel === 'trades';
    this.#words = new Uint32Array(this.#record_words * RECORDS_BUFFERED);
    mkdirSync(dirname(this.#path), { recursive: true });
  }

  /** `sent_us`: microseconds since 1970 UTC. */
  record(event: EventValues, sent_us: number, delivered: number, flags: number): void {
    if (this.#used === this.#words.length) this.flush();
    const w = this.#words;
    const at = this.#used;
    const sent_s = Math.floor(sent_us / 1e6);
    w[at] = event.id_low;
    w[at + 1] = event.id_high;
    w[at + 2] = event.time_s;
    w[at + 3] = event.time_ns;
    w[at + 4] = sent_s;
    w[at + 5] = (sent_us - sent_s * 1e6) * 1000;
    w[at + 6] = delivered;
    w[at + 7] = event.side | ((flags | event.flags) << 8);
    const s = event.scales;
    w[at + 8] = s[0] | (s[1] << 8) | (s[2] << 16) | (s[3] << 24);
    w[at + 9] = this.#trades ? event.number >>> 0 : s[4] | (s[5] << 8) | (s[6] << 16) | (s[7] << 24);
    let p = at + LEDGER_AT.digits;
    for (let i = 0; i < this.#values; i++) {
      const digits = event.digits[i];
      w[p++] = digits >>> 0;
      w[p++] = Math.floor(digits / TWO_32);
    }
    this.#used = p;
  }

  /** Marks the newest record as the end of an event of the book that leaves a book with this hash. */
  endEvent(book_hash: number): void {
    const at = this.#used - this.#record_words;
    this.#words[at + LEDGER_AT.side] |= LEDGER_FLAGS.event_end << 8;
    this.#words[at + LEDGER_AT.book_hash] = book_hash >>> 0;
  }

  flush(): void {
    if (this.#used === 0) return;
    appendFileSync(this.#path, new Uint8Array(this.#words.buffer, 0, this.#used * 4));
    this.#used = 0;
  }
}

/** The records of one ledger file, read as a whole. */
export class LedgerRecords {
  readonly words: Uint32Array;
  readonly record_words: number;
  readonly count: number;

  constructor(path: string, channel: Channel) {
    const bytes = readFileSync(path);
    this.record_words = recordWordsOf(channel);
    this.count = bytes.length / (this.record_words * 4);
    if (!Number.isInteger(this.count)) {
      throw new LoggerError(
        'DATA_UNREADABLE',
        `${path} is not a whole number of ${channel} records: stop the simulator (or GET /ledger) before comparing`,
      );
    }
    this.words = new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  }

  word(index: number, at: number): number {
    return this.words[index * this.record_words + at];
  }

  /** A u64 field as a number; exact for everything but ids above 2^53. */
  u64(index: number, at: number): number {
    const p = index * this.record_words + at;
    return this.words[p] + this.words[p + 1] * TWO_32;
  }

  /** Whether events have numbers of their own. */
  numbered(): boolean {
    for (let index = 0; index < this.count; index++) if (this.u64(index, LEDGER_AT.id) !== 0) return true;
    return false;
  }

  /** Digits of a number, or an integer behind them. */
  digits(index: number, position: number): number {
    return this.u64(index, LEDGER_AT.digits + 2 * position);
  }

  scale(index: number, position: number): number {
    return (this.word(index, LEDGER_AT.scales + (position >> 2)) >>> ((position & 3) * 8)) & 0xff;
  }

  side(index: number): number {
    return this.word(index, LEDGER_AT.side) & 0xff;
  }

  has(index: number, flag: keyof typeof LEDGER_FLAGS): boolean {
    return (this.word(index, LEDGER_AT.side) & (LEDGER_FLAGS[flag] << 8)) !== 0;
  }
}
