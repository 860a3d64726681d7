/** Missed trades on their way from pages to the ring: a real parser, ring and sequence, and pages that the test answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadExchange } from '../../../src/exchanges/index.js';
import { Backfill } from '../../../src/feed/continuity/backfill.js';
import type { Gap } from '../../../src/feed/continuity/gap_log.js';
import { RECENT_IDS } from '../../../src/feed/continuity/recent_ids.js';
import type { JsonValue } from '../../../src/feed/json/document.js';
import { parseKeepingText } from '../../../src/feed/json/document.js';
import { RowWriter } from '../../../src/feed/rows/row_writer.js';
import { flag } from '../../../src/schema/flags.js';
import { GAP_CAUSES, TRADES } from '../../../src/schema/tables.js';
import { Harness } from '../../support/harness.js';

const NOW = 1_800_000_000;
const LONG_AGO = '2026-03-01T10:00:00.000001Z';
const REPAIRED = flag('repaired');

const match = (id: number) =>
  `{"type":"match","trade_id":${id},"side":"buy","size":"0.50","price":"100.25","product_id":"BTC-USD","time":"${LONG_AGO}"}`;
/** A page of Coinbase, the newest trade first. */
const pageOf = (...ids: number[]) =>
  parseKeepingText(
    `[${ids.map((id) => `{"trade_id":${id},"side":"buy","size":"0.50000000","price":"100.25","time":"${LONG_AGO}"}`).join()}]`,
  );
const down = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, i) => from - i);

/** A stream of Coinbase whose pages the test answers in order; an Error refuses one. */
class Rig {
  readonly paths: string[] = [];
  readonly logged: string[] = [];
  readonly harness: Harness;
  readonly backfill: Backfill;
  readonly counters = new Uint32Array(256);
  fill = 0;
  private readonly rows: RowWriter;
  private gapsSeen = 0;

  constructor(
    exchange: Awaited<ReturnType<typeof loadExchange>>,
    private readonly answers: (JsonValue | Error)[],
    native = 'BTC-USD',
  ) {
    const harness = new Harness(exchange, [native], { channels: ['trades'], receivedSeconds: NOW });
    this.harness = harness;
    const { streams, sequences, producer, received } = harness;
    this.rows = new RowWriter(producer, streams, received, 86_400);
    const sink = {
      ...{ u32: producer.u32, f32: producer.f32 },
      get position() {
        return producer.position;
      },
      claim: (words: number) => producer.claim(words),
      commit: (words: number) => producer.commit(words),
      rewind: (position: number) => producer.rewind(position),
      publish: () => producer.publish(),
      fill: () => this.fill,
    };
    this.backfill = new Backfill(
      {
        ...{ exchange, streams, sequences, counters: this.counters, candles: undefined },
        sink,
        clock: { now: received, read: () => undefined },
        note: (gap) => assert.ok(this.rows.gap(gap)),
        flush: () => undefined,
        fetch: async (path) => {
          this.paths.push(path);
          const answer = this.answers.shift() ?? pageOf();
          if (answer instanceof Error) throw answer;
          return answer;
        },
        log: (_, text) => this.logged.push(text),
      },
      () => harness.nowMs,
    );
  }

  /** Feeds live trades, and hands over what is missing between them. */
  live(...ids: number[]): void {
    this.feed(ids.map(match));
  }

  feed(messages: readonly string[]): void {
    for (const message of messages) this.harness.feed(message);
    this.harness.nowMs += 3000;
    for (const sequence of this.harness.sequences.values()) sequence.reportDue();
    for (const gap of this.harness.gaps.slice(this.gapsSeen)) this.backfill.add(gap);
    this.gapsSeen = this.harness.gaps.length;
    this.harness.take();
  }

  /** Ticks until nothing waits any more, or for so many turns. */
  async work(turns = 200): Promise<void> {
    for (let turn = 0; turn < turns; turn++) {
      this.harness.nowMs += 250;
      this.backfill.tick();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Rows of trades and of GAPS in the order of the ring, as text. */
  written(): string[] {
    return this.harness.takeRows().map(({ table, values, day }) => {
      const flags = Number(values.flags);
      if (table === TRADES.name)
        return `${values.trade_id}${(flags & REPAIRED) === 0 ? '' : ` repaired, day ${day}`}`;
      const state = (flags & REPAIRED) === 0 ? 'unrepairable' : 'repaired';
      return `GAPS ${values.from_id}-${values.to_id} ${state} cause ${values.cause}`;
    });
  }
}

const coinbase = await loadExchange('coinbase');
const DAY = Math.floor(Date.parse(LONG_AGO) / 86_400_000);
const repaired = (id: number) => `${id} repaired, day ${DAY}`;

test('rows go under their own day however old they are, and GAPS says so behind them', async () => {
  const rig = new Rig(coinbase, [pageOf(...down(13, 8))]);
  rig.live(10, 14);
  await rig.work();
  assert.deepEqual(rig.written(), [...[13, 12, 11].map(repaired), 'GAPS 11-13 repaired cause 0']);
  assert.match(rig.paths[0]!, /^\/products\/BTC-USD\/trades\?limit=1000&after=14$/);
  assert.equal(rig.paths.length, 1);
});

test('what arrives late meanwhile is not stored twice, and live ids are not moved', async () => {
  const rig = new Rig(coinbase, [pageOf(...down(13, 8))]);
  rig.live(10, 14);
  rig.live(12);
  await rig.work();
  assert.deepEqual(rig.written(), [
    repaired(13),
    repaired(11),
    'GAPS 13-13 repaired cause 0',
    'GAPS 11-11 repaired cause 0',
  ]);
  assert.equal(rig.harness.sequences.get('trades')?.expected(0), 15);
  rig.live(11, 13, 15);
  assert.equal(rig.harness.count('duplicates'), 2);
});

test('a request that fails is made again, and what the history lacks is unrepairable', async () => {
  const rig = new Rig(coinbase, [new Error('HTTP status 503'), pageOf(13, 11, 10, 9)]);
  rig.live(10, 14);
  await rig.work();
  assert.deepEqual(rig.written(), [
    repaired(13),
    repaired(11),
    'GAPS 13-13 repaired cause 0',
    'GAPS 11-11 repaired cause 0',
    `GAPS 12-12 unrepairable cause ${GAP_CAUSES.absent.id}`,
  ]);
  assert.match(rig.logged[0]!, /missed trades of BTC-USD: HTTP status 503; again in 2 s/);
});

test('several pages, and the rows of one in turns', async () => {
  const rig = new Rig(coinbase, [pageOf(...down(1500, 501)), pageOf(...down(500, 1))]);
  rig.live(10, 1501);
  await rig.work();
  const written = rig.written();
  assert.equal(written.filter((line) => line.endsWith(`repaired, day ${DAY}`)).length, 1490);
  assert.equal(written.filter((line) => line.startsWith('GAPS')).length, 15);
  assert.equal(new Set(written).size, written.length);
  assert.match(rig.paths[1]!, /after=501$/);
});

test('a ring that fills belongs to live rows', async () => {
  const rig = new Rig(coinbase, [pageOf(...down(13, 8))]);
  rig.fill = 0.5;
  rig.live(10, 14);
  await rig.work(20);
  assert.deepEqual([rig.paths, rig.written()], [[], []]);
  rig.fill = 0;
  await rig.work(20);
  assert.equal(rig.written().length, 4);
});

test('a stream that is let go is left alone, and a table without history is not taken', async () => {
  const rig = new Rig(coinbase, [pageOf(...down(13, 8))]);
  rig.live(10, 14);
  rig.backfill.leave(0);
  await rig.work(20);
  assert.deepEqual(rig.paths, []);
  const gap = rig.harness.gaps[0] as Gap;
  const { MD } = await import('../../../src/schema/tables.js');
  assert.equal(rig.backfill.add({ ...gap, table: MD }), false);
});

/** Of Upbit, whose ids have no order: trade n happens n milliseconds after the first. */
const upbitTrade = (n: number) => {
  const ms = (NOW - 60) * 1000 + n;
  const [date, time] = new Date(ms).toISOString().split('T');
  const trade = { timestamp: ms, trade_price: 100, trade_volume: 1, prev_closing_price: 99, ask_bid: 'BID' };
  return {
    ...trade,
    trade_date_utc: date,
    trade_time_utc: time!.slice(0, 8),
    id: `1796030000000${1000 + n}`,
  };
};
const upbitLive = (n: number) => {
  const { id, timestamp, trade_date_utc, trade_time_utc, ...trade } = upbitTrade(n);
  const text = JSON.stringify({
    ...{ type: 'trade', code: 'KRW-BTC', timestamp, trade_date: trade_date_utc, trade_time: trade_time_utc },
    ...{ trade_timestamp: timestamp, ...trade, change: 'RISE', change_price: 1, stream_type: 'REALTIME' },
  });
  return `${text.slice(0, -1)},"sequential_id":${id}}`;
};
const upbitPage = (ns: readonly number[]) => {
  const rows = ns.map(upbitTrade).map(({ id, ...trade }) => {
    const text = JSON.stringify({ market: 'KRW-BTC', ...trade, change_price: 1 });
    return `${text.slice(0, -1)},"sequential_id":${id}}`;
  });
  return parseKeepingText(`[${rows.join()}]`);
};

test('more than the ids that are remembered: what stood in front of the gap is not stored again', async () => {
  const upbit = await loadExchange('upbit');
  const [before, missed] = [40, RECENT_IDS + 500];
  const newest = before + missed + 1;
  const pages = Array.from({ length: Math.ceil(newest / 500) }, (_, page) =>
    upbitPage(down(newest - page * 500, Math.max(1, newest - page * 500 - 499))),
  );
  const rig = new Rig(upbit, pages, 'KRW-BTC');
  rig.feed(down(before, 1).reverse().map(upbitLive));
  for (const sequence of rig.harness.sequences.values()) sequence.interrupted('disconnect');
  rig.feed([upbitLive(newest)]);
  await rig.work();
  const trades = rig.written().filter((line) => !line.startsWith('GAPS'));
  assert.equal(trades.length, missed);
  assert.equal(new Set(trades).size, missed);
});
