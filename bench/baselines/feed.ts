/**
 * The logger from the socket to the ring alone: its shard threads, and in place of the writer a main thread that takes
 * every row and gives the room back. A process like the baselines, see task.ts; besides, it tells how long rows took from
 * the time they carry to their publication in the ring. While that is measured, this thread sleeps: the ring holds all
 * rows, and the shards write down when they publish (stamped_shard.ts).
 */
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { RING_WORDS } from '../../src/base/limits.js';
import { createCounters } from '../../src/counters/counters.js';
import { SESSION_COUNTERS, SHARD_COUNTERS } from '../../src/counters/declarations.js';
import { createHistogram } from '../../src/counters/histogram.js';
import { loadExchange } from '../../src/exchanges/index.js';
import { createGate } from '../../src/feed/connection/host_gate.js';
import { createPacing } from '../../src/feed/connection/pacing.js';
import type { Exchange } from '../../src/feed/exchange.js';
import type { SessionInit } from '../../src/feed/session_init.js';
import type { ShardInit, ShardReport } from '../../src/feed/shard.js';
import { RingConsumer } from '../../src/ring/consumer.js';
import { createDoorbell, createRing, DOORBELL } from '../../src/ring/layout.js';
import { PADDING_TABLE_ID, recordTableId, recordWords } from '../../src/schema/layout.js';
import { TRADES } from '../../src/schema/tables.js';
import { DEFAULT_RULES } from '../../test/support/harness.js';
import { task, tell } from './client.js';
import { quantilesOf } from './quantiles.js';
import type { StampedShardInit } from './stamped_shard.js';
import { createStamps, StampReader } from './stamps.js';

const SHARD = new URL('../../workers/shard.js', import.meta.url);
const STAMPED_SHARD = new URL('./stamped_shard.js', import.meta.url);
const SLEEP_MS = 10;
/** How often a thread that only waits for the end looks whether it has come. */
const LOOK_MS = 50;
/** Publications without a row of the task: acknowledgements, ticks. */
const OTHER_STAMPS = 10_000;
const SIZE_DECIMALS = 8;
const TRADE = TRADES.at;

/** All rows of a task and half as many: a ring that fills wakes no one then. */
const TIMED_RING_WORDS = 2 ** Math.ceil(Math.log2(Math.max(RING_WORDS, task.messages * TRADES.words * 1.5)));

/** A ring with what is known of its rows. */
interface Source {
  readonly ring: RingConsumer;
  readonly stamps: StampReader | undefined;
  /** words that were taken */
  position: number;
}

function sessionInit(exchange: Exchange, natives: readonly string[], from: number): SessionInit {
  return {
    session: 0,
    exchange: exchange.id,
    streams: natives.map((native, i) => ({
      ...{ stream: from + i, exchange: exchange.id, native, symbol: native, directory: native },
      ...{ lastTradeId: '', recentTradeIds: [], unlistedIds: [], lastReceived: {}, resumedAfter: 'downtime' },
    })),
    channels: [task.channel],
    otherRoutes: [],
    candles: [],
    parser: 'scan',
    clockSkewSecondsMax: 86_400,
    rules: DEFAULT_RULES,
    connection: {
      endpoint: task.ws,
      route: exchange.channels[task.channel].route,
      ca: task.ca === undefined ? undefined : readFileSync(task.ca, 'utf8'),
      ...{ frameBytesMax: 16 * 1024 * 1024, messageTimeoutMs: 30_000, ackTimeoutMs: 10_000 },
      ...{ firstRetryMs: 1000, longestRetryMs: 60_000 },
    },
    redundancy: 1,
    connectionSecsMax: 0,
    counters: createCounters(SESSION_COUNTERS),
    latency: createHistogram(),
    connects,
    rest,
    history: rest,
  };
}

/** A thread of its own for each connection. */
function startShard(exchange: Exchange, shard: number, natives: readonly string[], from: number): Source {
  const init: ShardInit = {
    shard,
    ring: createRing(task.timed ? TIMED_RING_WORDS : RING_WORDS),
    doorbell,
    counters: createCounters(SHARD_COUNTERS),
    sessions: [sessionInit(exchange, natives, from)],
  };
  const stamps = task.timed ? createStamps(task.warmup + task.messages + OTHER_STAMPS) : undefined;
  // pages of memory that are touched for the first time would be part of the delays
  if (stamps !== undefined) for (const memory of [init.ring, stamps]) new Uint8Array(memory).fill(0);
  const workerData: ShardInit | StampedShardInit = stamps === undefined ? init : { ...init, stamps };
  const worker = new Worker(stamps === undefined ? SHARD : STAMPED_SHARD, { workerData });
  worker.on('message', (report: ShardReport) => {
    if (report.kind === 'log' && report.level === 'warn') process.stderr.write(`${report.text}\n`);
  });
  return { ring: new RingConsumer(init.ring), stamps: stamps && new StampReader(stamps), position: 0 };
}

/** What the rows that were taken add up to. */
class Taken {
  messages = 0;
  size = 0;
  warmMs = 0;
  private readonly delays = new Float32Array(task.messages);

  /** Takes what stands in a ring; answers the words. */
  take(source: Source): number {
    const { ring } = source;
    const words = ring.take();
    for (let at = ring.start; at < ring.start + words; at += recordWords(ring.u32[at])) {
      const table = recordTableId(ring.u32[at]);
      if (table === PADDING_TABLE_ID) break;
      if (table === TRADES.id) this.trade(source, at);
      this.messages++;
      if (this.messages !== task.warmup) continue;
      this.warmMs = performance.now();
      tell({ kind: 'warm' });
    }
    ring.release(words);
    source.position += words;
    return words;
  }

  private trade({ ring: { u32, start }, stamps, position }: Source, at: number): void {
    const units = u32[at + TRADE.size_digits] + u32[at + TRADE.size_digits + 1] * 2 ** 32;
    this.size += units * 10 ** (SIZE_DECIMALS - ((u32[at + TRADE.scales] >>> 8) & 255));
    if (stamps === undefined || this.messages < task.warmup) return;
    const sentUs = u32[at + TRADE.trade_time] * 1e6 + u32[at + TRADE.trade_nanos] / 1e3;
    const inRing = stamps.timeOf(position + at - start + TRADES.words);
    this.delays[this.messages - task.warmup] = inRing - sentUs;
  }

  result(endedMs: number): void {
    tell({
      kind: 'result',
      messages: this.messages,
      size: this.size,
      wall_us: (endedMs - this.warmMs) * 1000,
      delay_us: task.timed ? quantilesOf(this.delays) : undefined,
    });
  }
}

const doorbell = createDoorbell();
const bell = new Int32Array(doorbell);
const connects = createPacing();
const rest = { endpoint: task.rest, ca: undefined, gate: createGate(), requests: createPacing() };
const exchange = await loadExchange(task.exchange);
const sources: Source[] = [];
for (let from = 0; from < task.symbols.length; from += task.symbolsPerConnection)
  sources.push(
    startShard(exchange, sources.length, task.symbols.slice(from, from + task.symbolsPerConnection), from),
  );

const taken = new Taken();
const end = task.warmup + task.messages;

/** Takes rows as they come; sleeps as the writer does. */
function takeAll(): void {
  const until = performance.now() + SLEEP_MS;
  while (taken.messages < end && performance.now() < until) {
    const seen = Atomics.load(bell, DOORBELL.rings);
    let words = 0;
    for (const source of sources) words += taken.take(source);
    if (words > 0) continue;
    Atomics.store(bell, DOORBELL.sleeping, 1);
    Atomics.wait(bell, DOORBELL.rings, seen, SLEEP_MS);
    Atomics.store(bell, DOORBELL.sleeping, 0);
  }
}

/** Leaves the rows where they are; whether all of them are there. */
function waitForAll(): boolean {
  Atomics.wait(bell, DOORBELL.rings, Atomics.load(bell, DOORBELL.rings), LOOK_MS);
  return sources.reduce((sum, { ring }) => sum + ring.backlog(), 0) >= task.messages * TRADES.words;
}

let waiting = task.timed;
/** The event loop turns now and then for the log lines of the shards. */
function turn(): void {
  if (waiting && taken.messages >= task.warmup) waiting = !waitForAll();
  else takeAll();
  if (taken.messages < end) setImmediate(turn);
  else {
    taken.result(performance.now());
    process.exit();
  }
}
turn();
