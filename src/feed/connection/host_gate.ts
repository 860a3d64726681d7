/**
 * A host that has told us to stay away: no thread of the process sends it a request or a handshake before the time is
 * over. One block of shared memory per host holds that time, in milliseconds of the clock that all threads share, the
 * status it came with, and how often in a row it was told without a time. Shard threads and the supervisor, once per
 * request.
 */
import { sharedMs } from './pacing.js';

const UNTIL = 0;
const STATUS = 1;
const STRIKES = 2;
/** A ban of Binance lasts three days at most; what claims to be longer is looked at again then. */
const LONGEST_MS = 3 * 86_400_000;

/** How long to stay away when the answer does not say: the first time, doubling up to the longest. */
const DEFAULTS: Readonly<Record<number, readonly [firstMs: number, longestMs: number]>> = {
  /** I'm a teapot: banned after too many 429 */
  418: [120_000, LONGEST_MS],
  429: [1000, 300_000],
  /** Forbidden: a firewall, or Bybit's way to say that there were too many requests */
  403: [60_000, 600_000],
  /** Unavailable for legal reasons: the country that we are in */
  451: [60_000, 600_000],
};

export function createGate(): SharedArrayBuffer {
  return new SharedArrayBuffer(24);
}

/** Milliseconds that a Retry-After header asks for: seconds or a date (RFC 9110 §10.2.3); undefined for anything else. */
export function retryAfterMs(header: string | undefined, nowMs = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  const isDate = /^\s*[A-Z][a-z]+, /.test(header);
  const ms = isDate
    ? Date.parse(header) - nowMs
    : /^\s*\d+\s*$/.test(header)
      ? Number(header) * 1000
      : Number.NaN;
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), LONGEST_MS) : undefined;
}

export class HostGate {
  private readonly words: BigInt64Array;

  constructor(memory: SharedArrayBuffer = createGate()) {
    this.words = new BigInt64Array(memory);
  }

  /** Milliseconds until the host may be asked again; 0 when it may be now. */
  waitMs(): number {
    return Math.max(0, Number(Atomics.load(this.words, UNTIL)) - sharedMs());
  }

  /** The status that closed it last; 0 when that was no refusal. */
  get status(): number {
    return Number(Atomics.load(this.words, STATUS));
  }

  /** An answer that refuses: closes the gate when its status, or its Retry-After, says so. */
  refused(status: number, retryAfter: string | undefined): void {
    const told = retryAfterMs(retryAfter);
    const known = DEFAULTS[status];
    if (told === undefined && known === undefined) return;
    if (told !== undefined) {
      this.close(told, status);
      return;
    }
    // several threads may be told of the same thing
    const strikes = this.waitMs() > 0 ? 0 : Number(Atomics.add(this.words, STRIKES, 1n));
    const [firstMs, longestMs] = known;
    this.close(Math.min(longestMs, firstMs * 2 ** Math.min(strikes, 30)), status);
  }

  /** An answer that does not. */
  accepted(): void {
    if (Atomics.load(this.words, STRIKES) !== 0n) Atomics.store(this.words, STRIKES, 0n);
  }

  /** Keeps everybody away for so long, unless they are for longer already. */
  close(ms: number, status = 0): void {
    const until = BigInt(Math.ceil(sharedMs() + ms));
    for (;;) {
      const before = Atomics.load(this.words, UNTIL);
      if (before >= until) return;
      if (Atomics.compareExchange(this.words, UNTIL, before, until) === before) break;
    }
    Atomics.store(this.words, STATUS, BigInt(status));
  }
}
