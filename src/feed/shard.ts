/**
 * A shard: one thread with one ring and one clock, and the sessions that it hosts. Starts, changes and ends them as the
 * supervisor says, and ticks for all of them. Called by workers/shard.ts.
 *
 * Sessions take turns by chunks: libuv reads at most 32 buffers of one socket before it looks at the next, so a burst
 * on one connection delays the others by the time that 2 MiB of it take to parse, some 10 ms.
 */
import type { MessagePort } from 'node:worker_threads';
import { WallClock } from '../base/clock.js';
import { SHARD } from '../counters/declarations.js';
import { RingProducer } from '../ring/producer.js';
import type { Refusal } from './connection/subscriptions.js';
import type { Exchange, Limit } from './exchange.js';
import type { StreamSpec } from './rows/streams.js';
import type { LogLevel, SessionHost, SessionInit } from './session_init.js';
import { SessionSet } from './session_set.js';

const TICK_MS = 250;
/** A ring that is filled less than this has room again. */
const RELIEVED_FILL = 0.5;

export interface ShardInit {
  /** number of the shard within the process */
  readonly shard: number;
  readonly ring: SharedArrayBuffer;
  readonly doorbell: SharedArrayBuffer;
  /** a block of SHARD_COUNTERS */
  readonly counters: SharedArrayBuffer;
  readonly sessions: readonly SessionInit[];
}

/** A session, by exchange and number. */
export interface SessionName {
  readonly exchange: string;
  readonly session: number;
}

/** Supervisor to shard. */
export type ShardCommand =
  | { readonly kind: 'stop' }
  | { readonly kind: 'open'; readonly session: SessionInit }
  | ({
      readonly kind: 'change';
      readonly added: readonly StreamSpec[];
      readonly removed: readonly number[];
    } & SessionName);

/** Shard to supervisor. */
export type ShardReport =
  | { readonly kind: 'stopped' }
  /** a `change` has been carried out: what it removed is not stored any more, and what was stored is in the ring */
  | ({ readonly kind: 'changed' } & SessionName)
  | ({ readonly kind: 'refusals'; readonly refusals: readonly Refusal[] } & SessionName)
  | ({ readonly kind: 'surplus'; readonly natives: readonly string[]; readonly limit: Limit } & SessionName)
  /** the streams of a session that are silent now */
  | ({ readonly kind: 'silent'; readonly streams: readonly string[] } & SessionName)
  /** the symbols of a session of which too many rows break a rule now */
  | ({ readonly kind: 'failing'; readonly natives: readonly string[] } & SessionName)
  | ({ readonly kind: 'log'; readonly level: LogLevel; readonly text: string } & SessionName);

export class Shard {
  private readonly clock = new WallClock();
  private readonly producer: RingProducer;
  private readonly doorbell: Int32Array;
  private readonly counters: Uint32Array;
  private readonly sessions = new Map<string, SessionSet>();
  private readonly ticker: NodeJS.Timeout;

  constructor(
    init: ShardInit,
    private readonly port: MessagePort,
    private readonly load: (exchange: string) => Promise<Exchange>,
  ) {
    this.clock.read();
    this.producer = new RingProducer(init.ring, init.doorbell);
    this.doorbell = new Int32Array(init.doorbell);
    this.counters = new Uint32Array(init.counters);
    port.on('message', (command: ShardCommand) => void this.carryOut(command));
    this.ticker = setInterval(() => this.tick(), TICK_MS);
  }

  /** Starts a session; its connection opens when the limits of the exchange allow it. */
  async open(init: SessionInit): Promise<void> {
    const { exchange, session } = init;
    const { clock, producer, doorbell, counters } = this;
    const log = (level: LogLevel, text: string) =>
      this.report({ kind: 'log', exchange, session, level, text });
    const host: SessionHost = {
      ...{ clock, producer, doorbell, counters, log },
      refusals: (refusals) => this.report({ kind: 'refusals', exchange, session, refusals }),
      surplus: (natives, limit) => this.report({ kind: 'surplus', exchange, session, natives, limit }),
      silent: (streams) => this.report({ kind: 'silent', exchange, session, streams }),
      failing: (natives) => this.report({ kind: 'failing', exchange, session, natives }),
    };
    const opened = new SessionSet(await this.load(exchange), init, host);
    this.sessions.set(keyOf(init), opened);
    opened.start();
  }

  private async carryOut(command: ShardCommand): Promise<void> {
    if (command.kind === 'stop') await this.stop();
    else if (command.kind === 'open') await this.open(command.session);
    else {
      const { exchange, session, added, removed } = command;
      this.sessions.get(keyOf(command))?.change(added, removed);
      this.report({ kind: 'changed', exchange, session });
    }
  }

  private tick(): void {
    const { producer, counters } = this;
    this.clock.read();
    for (const session of this.sessions.values()) session.tick();
    const fill = producer.fill();
    if (fill < RELIEVED_FILL) for (const session of this.sessions.values()) session.relieved();
    counters[SHARD.ring_fill] = Math.round(fill * 1000);
    counters[SHARD.heartbeat]++;
  }

  private async stop(): Promise<void> {
    await Promise.all([...this.sessions.values()].map((session) => session.stop()));
    clearInterval(this.ticker);
    this.report({ kind: 'stopped' });
    this.port.close();
  }

  private report(report: ShardReport): void {
    this.port.postMessage(report);
  }
}

function keyOf({ exchange, session }: SessionName): string {
  return `${exchange} ${session}`;
}
