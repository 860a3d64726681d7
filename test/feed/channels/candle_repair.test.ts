/** Candles that are added up from trades, when trades that they lack are fetched later. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadExchange } from '../../../src/exchanges/index.js';
import { Candles } from '../../../src/feed/channels/candles.js';
import { Backfill } from '../../../src/feed/continuity/backfill.js';
import { parseKeepingText } from '../../../src/feed/json/document.js';
import { flag } from '../../../src/schema/flags.js';
import type { KlineInterval } from '../../../src/schema/tables.js';
import { Harness } from '../../support/harness.js';

const coinbase = await loadExchange('coinbase');
const START = 1_800_000_000 - (1_800_000_000 % 86_400);
/** One trade every ten seconds: six in each minute. */
const STEP = 10;
const UNSYNCED = flag('unsynced');
const REPAIRED = flag('repaired');

const timeOf = (id: number) => START + id * STEP;
const trade = (id: number) => ({
  trade_id: id,
  side: 'sell',
  size: '0.5',
  price: String(100 + ((id * 7) % 13)),
  time: new Date(timeOf(id) * 1000).toISOString(),
});
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

class Rig {
  readonly harness = new Harness(coinbase, ['BTC-USD'], { channels: ['trades'], receivedSeconds: START });
  readonly candles: Candles;
  readonly backfill: Backfill;
  /** trades that the exchange does not have */
  readonly absent = new Set<number>();
  private newest = -1;

  constructor(intervals: readonly KlineInterval[]) {
    const { harness } = this;
    this.candles = new Candles(harness.rows, intervals, { late: () => {}, dropped: () => {} });
    this.candles.resize(1);
    harness.rows.trades = this.candles;
    const { streams, sequences, producer: sink, received } = harness;
    this.backfill = new Backfill(
      {
        ...{ exchange: coinbase, streams, sequences, sink, candles: this.candles },
        clock: { now: received, read: () => undefined },
        counters: new Uint32Array(256),
        note: (gap) => assert.ok(harness.rows.gap(gap)),
        flush: () => undefined,
        fetch: async (_, path) => {
          const behind = Number(/after=(\d+)/.exec(path)?.[1]);
          const ids = range(Math.max(1, behind - 50), behind - 1).filter((id) => !this.absent.has(id));
          return parseKeepingText(JSON.stringify(ids.reverse().map(trade)));
        },
        log: () => undefined,
      },
      () => harness.nowMs,
    );
  }

  live(ids: readonly number[]): void {
    for (const id of ids) {
      if (id > this.newest + 1 && this.newest >= 0) this.candles.doubt(0);
      this.newest = id;
      this.harness.received[0] = timeOf(id);
      const { sequences } = this.harness;
      this.harness.feed(JSON.stringify({ type: 'match', product_id: 'BTC-USD', ...trade(id) }));
      for (const sequence of sequences.values()) sequence.reportDue();
      this.harness.nowMs += STEP * 1000;
      this.candles.tick();
    }
  }

  /** Hands over what is missing, and waits for its repair. */
  async repair(): Promise<void> {
    for (const sequence of this.harness.sequences.values()) sequence.reportDue(true);
    for (const gap of this.harness.gaps.splice(0)) this.backfill.add(gap);
    for (let turn = 0; turn < 100; turn++) {
      this.harness.nowMs += 250;
      this.backfill.tick();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.candles.tick(true);
  }

  /** Of each candle of a table the last row, by how many intervals it begins behind the start. */
  last(table: string, seconds: number): Map<number, Record<string, number>> {
    const found = new Map<number, Record<string, number>>();
    for (const row of this.harness.takeRows())
      if (row.table === table)
        found.set((Number(row.values.open_time) - START) / seconds, row.values as Record<string, number>);
    return found;
  }
}

/** What a candle has to be. */
function expected(ids: readonly number[]) {
  const prices = ids.map((id) => Number(trade(id).price));
  return {
    ...{ open: prices[0], close: prices.at(-1), high: Math.max(...prices), low: Math.min(...prices) },
    ...{ trades: ids.length, volume: ids.length * 0.5 },
  };
}

const valuesOf = ({ open, close, high, low, trades, volume }: Record<string, number>) => ({
  ...{ open, close, high, low, trades, volume },
});

test('candles around and within a gap are written again, whole and flagged', async () => {
  const rig = new Rig(['1m', '15m']);
  rig.live(range(0, 20));
  // six minutes and a half are missing, then three go on
  rig.live(range(60, 80));
  await rig.repair();
  const candles = rig.last('KLINES_1m', 60);
  for (let minute = 1; minute <= 12; minute++) {
    const ids = range(minute * 6, minute * 6 + 5);
    assert.deepEqual(valuesOf(candles.get(minute)!), expected(ids), `minute ${minute}`);
    assert.equal(candles.get(minute)!.flags! & UNSYNCED, 0, `minute ${minute}`);
  }
  for (let minute = 3; minute <= 9; minute++)
    assert.notEqual(candles.get(minute)!.flags! & REPAIRED, 0, `minute ${minute}`);
  assert.notEqual(candles.get(0)!.flags! & UNSYNCED, 0, 'capture began within it');
});

test('a candle that grows takes the fetched trades up, and is right in the end', async () => {
  const rig = new Rig(['15m']);
  rig.live([...range(0, 95), ...range(105, 120)]);
  await rig.repair();
  rig.live(range(121, 190));
  const candles = rig.last('KLINES_15m', 900);
  assert.deepEqual(valuesOf(candles.get(1)!), expected(range(90, 179)));
  assert.equal(candles.get(1)!.flags! & UNSYNCED, 0);
});

test('what stays missing keeps its candles in doubt', async () => {
  const rig = new Rig(['1m']);
  rig.absent.add(30);
  rig.live([...range(0, 20), ...range(40, 60)]);
  await rig.repair();
  const candles = rig.last('KLINES_1m', 60);
  assert.equal(candles.get(5)!.trades, 5);
  assert.notEqual(candles.get(5)!.flags! & UNSYNCED, 0);
  assert.equal(candles.get(2)!.flags! & UNSYNCED, 0, 'it ended before the gap');
});
