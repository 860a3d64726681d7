/** What a shard thread is told about a session, and what it offers to those that it hosts. */
import type { WallClock } from '../base/clock.js';
import type { RingProducer } from '../ring/producer.js';
import type { KlineInterval } from '../schema/tables.js';
import type { ConnectionOptions } from './connection/connection.js';
import type { RestAccess } from './connection/rest.js';
import type { Refusal } from './connection/subscriptions.js';
import type { Limit } from './exchange.js';
import type { RuleOptions } from './rows/rules.js';
import type { StreamSpec } from './rows/streams.js';

export type LogLevel = 'debug' | 'info' | 'warn';

/** Everything a session must know, in the form that goes between threads. */
export interface SessionInit {
  /** its number within its exchange, from 0 */
  readonly session: number;
  readonly exchange: string;
  readonly streams: readonly StreamSpec[];
  readonly channels: readonly string[];
  /** channels that connections to other addresses subscribe; what arrives here of them is stored all the same */
  readonly otherRoutes: readonly string[];
  /** candles that are added up from the trades of this session */
  readonly candles: readonly KlineInterval[];
  readonly parser: 'scan' | 'json' | 'simdjson';
  readonly clockSkewSecondsMax: number;
  readonly rules: RuleOptions;
  readonly connection: ConnectionOptions;
  /** how many connections carry the same streams all the time */
  readonly redundancy: number;
  /** age at which the exchange ends a connection; 0: it does not */
  readonly connectionSecsMax: number;
  /** a block of SESSION_COUNTERS */
  readonly counters: SharedArrayBuffer;
  /** receive to publish, µs */
  readonly latency: SharedArrayBuffer;
  /** pacing of the exchange's connection attempts */
  readonly connects: SharedArrayBuffer;
  readonly rest: RestAccess;
  /** where the exchange serves what was missed */
  readonly history: RestAccess;
}

/** What the sessions of a shard share. */
export interface SessionHost {
  readonly clock: WallClock;
  readonly producer: RingProducer;
  readonly doorbell: Int32Array;
  /** the block of SHARD_COUNTERS */
  readonly counters: Uint32Array;
  log(level: LogLevel, text: string): void;
  /** everything that the exchange refuses on a connection now */
  refusals(refusals: readonly Refusal[]): void;
  /** symbols that a connection has no room for */
  surplus(natives: readonly string[], limit: Limit): void;
  /** the streams that are silent now, by symbol and channel */
  silent(streams: readonly string[]): void;
  /** the symbols of which too many rows break a rule now */
  failing(natives: readonly string[]): void;
}
