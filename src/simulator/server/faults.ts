/**
 * Faults on request: what can be asked for, and what is pending on one exchange. `engine.ts` asks per event (drop,
 * duplicate, reorder), `venue.ts` carries out the rest.
 * Runs in the simulator process; requests come from options and from the control port.
 */
import { LoggerError } from '../../base/errors.js';
import { CHANNELS, type Channel } from '../market/channels.js';
import { Random } from '../market/random.js';
import { DENIAL_WORDS, type DenialWords } from './denials.js';

/** Every kind, with what it does. */
export const FAULT_KINDS = {
  drop: 'an event is not sent (default channel trades); the ledger lists it as not delivered',
  duplicate: 'an event is sent twice',
  reorder: 'an event is sent after the next one of the same symbol and channel',
  corrupt: 'an event of a book carries a wrong checksum: Kraken; refused where the exchange sends none',
  'stale-book': 'the next `count` answers of books over REST give the book as it is now, which then goes on',
  'reset-book': 'the update ids of books begin anew, as after a restart of the exchange',
  stall: 'nothing is sent for `seconds`, then all that was held back',
  slow: 'at most `rate` messages/s for `seconds`',
  cut: 'connections end, abruptly or with close code `code`',
  'close-24h': 'connections end as after 24 hours, announced where the exchange does that',
  mute: 'subscriptions of `symbol` and `channel` (default: trades) send nothing any more, until they are made anew',
  refuse: 'new connections and requests are dropped unanswered for `seconds`',
  http: 'REST (or `target` upgrade) answers `status` for `seconds` or `count` times, with Retry-After `retry_after` and a body of JSON or, with `body` html, a page',
  delist: '`symbol` is not listed any more, and unknown to those who subscribe to it',
  list: '`symbol` is listed again, as if it were new',
  halt: '`symbol` is listed as halted and sends nothing',
  resume: '`symbol` trades again',
  tick: '`symbol` is listed with a tenth of its tick; its prices stay as they are',
  deny: 'subscriptions of `symbol` and `channel` are refused for `seconds`, with `words` unknown, login or anonymous',
  allow: 'takes back what `deny` said of `symbol` and `channel`',
  'limit-streams': 'at most `count` streams of `channel` on a connection',
  'limit-connections': 'at most `count` connections that carry `channel`',
  throttle: 'the next `count` requests to subscribe are too many',
  garbage: 'a text frame that is not JSON',
  'invalid-utf8': 'a text frame that is not UTF-8',
  'half-frame': 'part of a frame, then the connection is cut',
  huge: 'a frame of `bytes` bytes of unknown type',
  'server-shutdown': 'the announcement of a shutdown, where the exchange has one',
  'slow-consumer': 'from now on a client with more than `bytes` unread is disconnected instead of waited for',
} as const;

export type FaultKind = keyof typeof FAULT_KINDS;

export interface FaultRequest {
  readonly kind: FaultKind;
  /** absent: every exchange */
  readonly exchange?: string;
  readonly symbol?: string;
  readonly channel?: Channel;
  /** how many events or answers; default 1 */
  readonly count?: number;
  /** share of the events instead of a count */
  readonly probability?: number;
  readonly seconds?: number;
  readonly rate?: number;
  /** close code; absent: cut without one */
  readonly code?: number;
  readonly connections?: 'all' | 'one';
  readonly target?: 'rest' | 'upgrade';
  readonly status?: number;
  readonly bytes?: number;
  /** value of Retry-After in seconds; 1 for 429 and 503 when absent, 0 for none */
  readonly retry_after?: number;
  readonly body?: 'json' | 'html';
  readonly words?: DenialWords;
  /** seconds after the start */
  readonly after?: number;
  /** repeat every so many seconds */
  readonly every?: number;
}

const NUMBERS = [
  'count',
  'probability',
  'seconds',
  'rate',
  'code',
  'status',
  'bytes',
  'retry_after',
  'after',
  'every',
] as const;
const TEXTS = ['exchange', 'symbol'] as const;
const CHOICES = {
  channel: CHANNELS as readonly string[],
  connections: ['all', 'one'],
  target: ['rest', 'upgrade'],
  body: ['json', 'html'],
  words: DENIAL_WORDS as readonly string[],
};

/** Checks a request from outside; throws USAGE with what is wrong. */
export function parseFault(value: unknown): FaultRequest {
  const usage = (what: string) => new LoggerError('USAGE', `fault ${JSON.stringify(value)}: ${what}`);
  if (typeof value !== 'object' || value === null) throw usage('not an object');
  const fault: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    if (key === 'kind') {
      if (!Object.hasOwn(FAULT_KINDS, String(field)))
        throw usage(`unknown kind; one of ${Object.keys(FAULT_KINDS).join(', ')}`);
      fault[key] = String(field);
    } else if ((NUMBERS as readonly string[]).includes(key)) {
      if (typeof field !== 'number' || !(field >= 0)) throw usage(`${key} is not a number from 0 up`);
      fault[key] = field;
    } else if (Object.hasOwn(CHOICES, key)) {
      const choices = CHOICES[key as keyof typeof CHOICES];
      if (!choices.includes(String(field))) throw usage(`${key} is one of ${choices.join(', ')}`);
      fault[key] = field;
    } else if ((TEXTS as readonly string[]).includes(key) && typeof field === 'string') {
      fault[key] = field;
    } else {
      throw usage(`unknown field ${key}`);
    }
  }
  if (fault['kind'] === undefined) throw usage('kind is missing');
  const request = fault as unknown as FaultRequest;
  if (request.kind === 'corrupt' && request.channel !== undefined && request.channel !== 'book')
    throw usage('only books have checksums');
  if (request.code !== undefined && request.code !== 1000 && (request.code < 1001 || request.code > 4999)) {
    throw usage('code is a WebSocket close code, 1000 to 4999');
  }
  return request;
}

/** The short form of the command line: `drop:count=3,exchange=coinbase,after=5`. */
export function parseFaultText(text: string): FaultRequest {
  const [kind, rest = ''] = text.split(/:(.*)/s);
  const fields = rest.split(',').filter((field) => field !== '');
  const pairs = fields.map((field): [string, string | number] => {
    const [key, value = ''] = field.split(/=(.*)/s);
    return [key, value !== '' && !Number.isNaN(Number(value)) ? Number(value) : value];
  });
  return parseFault({ kind, ...Object.fromEntries(pairs) });
}

/** Faults that hit single events. */
export type EventFault = 'drop' | 'duplicate' | 'reorder' | 'corrupt';

interface Pending {
  readonly request: FaultRequest;
  left: number;
}

/** What is pending on one exchange. */
export class Faults {
  readonly #random: Random;
  #events: Pending[] = [];
  stalled_until_ms = 0;
  refuse_until_ms = 0;
  slow_until_ms = 0;
  slow_rate = 0;
  slow_consumer_bytes = 0;
  stale_books = 0;
  #http: { request: FaultRequest; left: number; until_ms: number } | undefined;

  constructor(seed: number) {
    this.#random = new Random(seed ^ 0x5eed);
  }

  /** Whether events need to be asked about at all. */
  get armed(): boolean {
    return this.#events.length > 0;
  }

  addEventFault(request: FaultRequest): void {
    const left = request.probability === undefined ? (request.count ?? 1) : Number.POSITIVE_INFINITY;
    this.#events.push({ request, left });
  }

  /** What happens to this event, if anything. */
  of(symbol: string, channel: Channel): EventFault | undefined {
    for (const pending of this.#events) {
      const { request } = pending;
      if (request.symbol !== undefined && request.symbol !== symbol) continue;
      if ((request.channel ?? (request.kind === 'corrupt' ? 'book' : 'trades')) !== channel) continue;
      if (request.probability !== undefined && !this.#random.chance(request.probability)) continue;
      if (--pending.left <= 0) this.#events = this.#events.filter((other) => other !== pending);
      return request.kind as EventFault;
    }
    return undefined;
  }

  setHttp(request: FaultRequest, now_ms: number): void {
    const until_ms =
      request.seconds === undefined ? Number.POSITIVE_INFINITY : now_ms + request.seconds * 1000;
    const left = request.count ?? (request.seconds === undefined ? 1 : Number.POSITIVE_INFINITY);
    this.#http = { request, left, until_ms };
  }

  /** The fault that this request is to be answered with, if there is one. */
  httpFault(target: 'rest' | 'upgrade', now_ms: number): FaultRequest | undefined {
    const http = this.#http;
    if (http === undefined || (http.request.target ?? 'rest') !== target) return undefined;
    if (now_ms >= http.until_ms || http.left <= 0) {
      this.#http = undefined;
      return undefined;
    }
    http.left--;
    return http.request;
  }
}
