/**
 * The logger from the socket to the ring alone: its shard threads, and in place of the writer a main thread that takes
 * every row, looks at its time and gives the room back. A process like the baselines, see task.ts; besides, it tells how
 * long rows took from the time they carry to this thread, which sees them a moment after they stand in the ring.
 */
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { RING_WORDS } from '../../src/base/limits.js';
import { SHARD_COUNTERS } from '../../src/counters/declarations.js';
import { createHistogram } from '../../src/counters/histogram.js';
import { loadExchange } from '../../src/exchanges/index.js';
import type { Exchange } from '../../src/feed/exchange.js';
import { createPacing } from '../../src/feed/pacing.js';
import type { ShardInit, ShardReport } from '../../src/feed/shard.js';
import { RingConsumer } from '../../src/ring/consumer.js';
import { createDoorbell, createRing, DOORBELL } from '../../src/ring/layout.js';
import { PADDING_TABLE_ID, recordTableId, recordWords } from '../../src/schema/layout.js';
import { TRADES } from '../../src/schema/tables.js';
import { task, tell } from './client.js';
import { quantilesOf } from './quantiles.js';

const SHARD = new URL('../../workers/shard.js', import.meta.url);
const SLEEP_MS = 10;
/** A producer wakes its consumer only when its ring fills: who wants to see each row at once has to look all the time. */
const LOOK_MS = 0.05;
const SIZE_DECIMALS = 8;
const TRADE = TRADES.at;

function startShard(exchange: Exchange, shard: number, natives: readonly string[], from: number) {
  const init: ShardInit = {
    shard,
    exchange: exchange.id,
    streams: natives.map((native, i) => ({
      ...{ stream: from + i, exchange: exchange.id, native, symbol: native, directory: native },
      ...{ lastTradeId: '', recentTradeIds: [], unlistedIds: [], lastReceived: {} },
    })),
    channels: [task.channel],
    elsewhere: [],
    candles: [],
    parser: 'scan',
    clockSkewSecondsMax: 86_400,
    connection: {
      endpoint: task.ws,
      route: exchange.channels[task.channel].route,
      ca: task.ca === undefined ? undefined : readFileSync(task.ca, 'utf8'),
      ...{ frameBytesMax: 16 * 1024 * 1024, messageTimeoutMs: 30_000, ackTimeoutMs: 10_000 },
      ...{ firstRetryMs: 1000, longestRetryMs: 60_000 },
    },
    ring: createRing(RING_WORDS),
    doorbell,
    counters: new SharedArrayBuffer(Object.keys(SHARD_COUNTERS).length * 4),
    latency: createHistogram(),
    pacing,
    restEndpoint: task.rest,
  };
  const worker = new Worker(SHARD, { workerData: init });
  worker.on('message', (report: ShardReport) => {
    if (report.kind === 'log' && report.level === 'warn') process.stderr.write(`${report.text}\n`);
  });
  return new RingConsumer(init.ring);
}

/** What the rows that were taken add up to. */
class Taken {
  messages = 0;
  size = 0;
  warmMs = 0;
  private readonly delays = new Float32Array(task.messages);

  /** Takes what stands in a ring; answers the words. */
  take(ring: RingConsumer): number {
    const words = ring.take();
    const nowUs = (performance.timeOrigin + performance.now()) * 1000;
    for (let at = ring.start; at < ring.start + words; at += recordWords(ring.u32[at])) {
      const table = recordTableId(ring.u32[at]);
      if (table === PADDING_TABLE_ID) break;
      if (table === TRADES.id) this.trade(ring.u32, at, nowUs);
      this.messages++;
      if (this.messages !== task.warmup) continue;
      this.warmMs = performance.now();
      tell({ kind: 'warm' });
    }
    ring.release(words);
    return words;
  }

  private trade(u32: Uint32Array, at: number, nowUs: number): void {
    const units = u32[at + TRADE.size_digits] + u32[at + TRADE.size_digits + 1] * 2 ** 32;
    this.size += units * 10 ** (SIZE_DECIMALS - ((u32[at + TRADE.scales] >>> 8) & 255));
    if (this.messages < task.warmup) return;
    const sentUs = u32[at + TRADE.trade_time] * 1e6 + u32[at + TRADE.trade_nanos] / 1e3;
    this.delays[this.messages - task.warmup] = nowUs - sentUs;
  }

  result(endedMs: number): void {
    tell({
      kind: 'result',
      messages: this.messages,
      size: this.size,
      wall_us: (endedMs - this.warmMs) * 1000,
      delay_us: quantilesOf(this.delays),
    });
  }
}

const doorbell = createDoorbell();
const bell = new Int32Array(doorbell);
const pacing = { connects: createPacing(), asks: createPacing() };
const exchange = await loadExchange(task.exchange);
const rings: RingConsumer[] = [];
for (let from = 0; from < task.symbols.length; from += task.symbolsPerConnection)
  rings.push(
    startShard(exchange, rings.length, task.symbols.slice(from, from + task.symbolsPerConnection), from),
  );

const taken = new Taken();
const end = task.warmup + task.messages;
/** Sleeps as the writer does, or looks all the time where delays are measured, and lets the shards' log lines through now and then. */
function turn(): void {
  const until = performance.now() + SLEEP_MS;
  while (taken.messages < end && performance.now() < until) {
    const seen = Atomics.load(bell, DOORBELL.rings);
    let words = 0;
    for (const ring of rings) words += taken.take(ring);
    if (words > 0) continue;
    Atomics.store(bell, DOORBELL.sleeping, 1);
    Atomics.wait(bell, DOORBELL.rings, seen, task.timed ? LOOK_MS : SLEEP_MS);
    Atomics.store(bell, DOORBELL.sleeping, 0);
  }
  if (taken.messages < end) setImmediate(turn);
  else {
    taken.result(performance.now());
    process.exit();
  }
}
turn();
