/**
 * The account: every data event of the simulation, delivered or not, in fixed-width records, one file per
 * (exchange, symbol, channel): `{dir}/{exchange}/{encodeName(symbol)}/{channel}.bin`. Records are little-endian
 * 4-byte words:
 *
 *   word 0-1  id: trade id, update id or 0 · u64
 *   word 2-3  event time, seconds and nanoseconds; 0, 0 when the message carries none
 *   word 4-5  when it was sent, or would have been, seconds and nanoseconds
 *   word 6    how often it was handed to a connection
 *   word 7    side of the taker (bits 0-7), flags (bits 8-15)
 *   word 8-9  decimals of each number as sent, 8 bits each, in the order of channels.ts
 *   word 10…  digits of each number · u64 each
 *
 * HOT: AccountStream.record() runs per event. Runs in the simulator process; the reader is used by compare.ts.
 */
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LoggerError } from '../base/errors.js';
import { encodeName } from '../base/names.js';
import { CHANNEL_SPECS, type Channel } from './channels.js';

export const ACCOUNT_AT = {
  id: 0,
  time: 2,
  sent: 4,
  delivered: 6,
  side: 7,
  scales: 8,
  digits: 10,
} as const;

export const ACCOUNT_FLAGS = {
  /** happened before the simulation: may be on disk (sent as history on subscribing), need not be */
  history: 1,
  /** carries the order ids that random.ts derives from symbol and trade id */
  order_ids: 2,
  /** swapped with its neighbour on the wire */
  reordered: 4,
} as const;

const RECORDS_BUFFERED = 128;
const TWO_32 = 4294967296;

export function recordWordsOf(channel: Channel): number {
  return ACCOUNT_AT.digits + 2 * CHANNEL_SPECS[channel].literals.length;
}

export function accountFile(directory: string, exchange: string, symbol: string, channel: Channel): string {
  return join(directory, exchange, encodeName(symbol), `${channel}.bin`);
}

/** The values of the event that was composed last; protocol files fill it, the account copies it. */
export class EventValues {
  id = 0;
  time_s = 0;
  time_ns = 0;
  side = 0;
  order_ids = false;
  readonly digits = new Float64Array(6);
  readonly scales = new Uint8Array(8);

  /** Event time in microseconds since 1970 UTC. */
  setTime(time_us: number): void {
    this.time_s = Math.floor(time_us / 1e6);
    this.time_ns = (time_us - this.time_s * 1e6) * 1000;
  }

  set(index: number, digits: number, scale: number): void {
    this.digits[index] = digits;
    this.scales[index] = scale;
  }
}

/** Appends the records of one (exchange, symbol, channel). */
export class AccountStream {
  readonly #path: string;
  readonly #words: Uint32Array;
  readonly #record_words: number;
  readonly #literals: number;
  #used = 0;

  constructor(directory: string, exchange: string, symbol: string, channel: Channel) {
    this.#path = accountFile(directory, exchange, symbol, channel);
    this.#record_words = recordWordsOf(channel);
    this.#literals = CHANNEL_SPECS[channel].literals.length;
    this.#words = new Uint32Array(this.#record_words * RECORDS_BUFFERED);
    mkdirSync(dirname(this.#path), { recursive: true });
  }

  /** `sent_us`: microseconds since 1970 UTC. */
  record(event: EventValues, sent_us: number, delivered: number, flags: number): void {
    const w = this.#words;
    const at = this.#used;
    const sent_s = Math.floor(sent_us / 1e6);
    w[at] = event.id >>> 0;
    w[at + 1] = Math.floor(event.id / TWO_32);
    w[at + 2] = event.time_s;
    w[at + 3] = event.time_ns;
    w[at + 4] = sent_s;
    w[at + 5] = (sent_us - sent_s * 1e6) * 1000;
    w[at + 6] = delivered;
    w[at + 7] = event.side | ((flags | (event.order_ids ? ACCOUNT_FLAGS.order_ids : 0)) << 8);
    const s = event.scales;
    w[at + 8] = s[0] | (s[1] << 8) | (s[2] << 16) | (s[3] << 24);
    w[at + 9] = s[4] | (s[5] << 8) | (s[6] << 16) | (s[7] << 24);
    let p = at + ACCOUNT_AT.digits;
    for (let i = 0; i < this.#literals; i++) {
      const digits = event.digits[i];
      w[p++] = digits >>> 0;
      w[p++] = Math.floor(digits / TWO_32);
    }
    this.#used = p;
    if (p === w.length) this.flush();
  }

  flush(): void {
    if (this.#used === 0) return;
    appendFileSync(this.#path, new Uint8Array(this.#words.buffer, 0, this.#used * 4));
    this.#used = 0;
  }
}

/** The records of one account file, read as a whole. */
export class AccountRecords {
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
        `${path} is not a whole number of ${channel} records: stop the simulator (or GET /account) before comparing`,
      );
    }
    this.words = new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  }

  word(index: number, at: number): number {
    return this.words[index * this.record_words + at];
  }

  /** A u64 field as a number; everything the simulator makes is below 2^53. */
  u64(index: number, at: number): number {
    const p = index * this.record_words + at;
    return this.words[p] + this.words[p + 1] * TWO_32;
  }

  digits(index: number, literal: number): number {
    return this.u64(index, ACCOUNT_AT.digits + 2 * literal);
  }

  scale(index: number, literal: number): number {
    return (this.word(index, ACCOUNT_AT.scales + (literal >> 2)) >>> ((literal & 3) * 8)) & 0xff;
  }

  side(index: number): number {
    return this.word(index, ACCOUNT_AT.side) & 0xff;
  }

  has(index: number, flag: keyof typeof ACCOUNT_FLAGS): boolean {
    return (this.word(index, ACCOUNT_AT.side) & (ACCOUNT_FLAGS[flag] << 8)) !== 0;
  }
}
