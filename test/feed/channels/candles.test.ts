/**
 * Candles added up from trades against a plain computation with whole numbers of any size, and against the candles that
 * an exchange sent beside its trades.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nearestFloat32 } from '../../../src/base/exact.js';
import { loadExchange } from '../../../src/exchanges/index.js';
import { Candles } from '../../../src/feed/channels/candles.js';
import type { DecodedRow } from '../../../src/schema/codec.js';
import { flag } from '../../../src/schema/flags.js';
import { KLINE_INTERVALS, KLINES, type KlineInterval } from '../../../src/schema/tables.js';
import { corpusMissing, type Expected, readExpected, readMessages } from '../../support/corpus.js';
import { Harness } from '../../support/harness.js';
import { randomFrom } from '../../support/random.js';

const coinbase = await loadExchange('coinbase');
const START = 1_800_000_000 - (1_800_000_000 % 86_400);

interface Trade {
  readonly id: number;
  readonly seconds: number;
  readonly micros: number;
  readonly price: string;
  readonly size: string;
  /** the taker's */
  readonly side: 'buy' | 'sell' | 'none';
}

/** A shard whose trades are added up. */
class Rig {
  readonly harness: Harness;
  readonly candles: Candles;
  late = 0;
  readonly dropped: string[] = [];

  constructor(
    readonly intervals: readonly KlineInterval[],
    options: { symbols?: readonly string[]; ringWords?: number; received?: number } = {},
  ) {
    const symbols = options.symbols ?? ['BTC-USD'];
    this.harness = new Harness(coinbase, symbols, {
      channels: ['trades'],
      ringWords: options.ringWords,
      receivedSeconds: options.received ?? START,
    });
    this.candles = new Candles(this.harness.rows, intervals, {
      late: () => this.late++,
      dropped: (slot, interval) => this.dropped.push(`${slot} ${interval}`),
    });
    this.candles.resize(symbols.length);
    this.harness.rows.trades = this.candles;
  }

  feed({ id, seconds, micros, price, size, side }: Trade, product = 'BTC-USD', type = 'match'): number {
    const time = `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(micros).padStart(6, '0')}Z`;
    const maker = { buy: 'sell', sell: 'buy', none: 'unknown' }[side];
    this.harness.received[0] = Math.max(this.harness.received[0], seconds);
    return this.harness.feed(
      JSON.stringify({ type, trade_id: id, side: maker, size, price, product_id: product, time }),
    );
  }

  tick(seconds: number): void {
    this.harness.received[0] = seconds;
    this.candles.tick();
  }

  /** Rows of candles since the last call. */
  rows(): DecodedRow[] {
    return this.harness.takeRows().filter(({ table }) => table.startsWith('KLINES'));
  }
}

/** A literal as digits and decimals. */
function parts(text: string): [digits: bigint, decimals: number] {
  const [whole, fraction = ''] = text.split('.');
  return [BigInt(whole + fraction), fraction.length];
}

const power = (decimals: number) => 10n ** BigInt(decimals);

/** Sum of literals or of products of them, with the decimals of the longest of each factor. */
function sumOf(factors: readonly (readonly string[])[], decimals: readonly number[]): [bigint, number] {
  let sum = 0n;
  for (const texts of factors) {
    let product = 1n;
    for (const [i, text] of texts.entries()) {
      const [digits, own] = parts(text);
      product *= digits * power(decimals[i] - own);
    }
    sum += product;
  }
  return [sum, decimals.reduce((a, b) => a + b, 0)];
}

function compareLiterals(a: string, b: string): number {
  const [aDigits, aDecimals] = parts(a);
  const [bDigits, bDecimals] = parts(b);
  const difference = aDigits * power(bDecimals) - bDigits * power(aDecimals);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

const inOrder = (a: Trade, b: Trade) => a.seconds - b.seconds || a.micros - b.micros || a.id - b.id;

/** The candle of some trades, computed the plain way; of equal prices any literal will do. */
function plain(trades: readonly Trade[]) {
  const ordered = [...trades].sort(inOrder);
  const decimals = (pick: (trade: Trade) => string) => Math.max(...trades.map((t) => parts(pick(t))[1]));
  const [price, size] = [decimals((t) => t.price), decimals((t) => t.size)];
  const bought = trades.filter((t) => t.side === 'buy');
  const known = trades.every((t) => t.side !== 'none');
  const prices = trades.map((t) => t.price).sort(compareLiterals);
  return {
    open: ordered[0].price,
    close: ordered.at(-1)?.price,
    high: prices.at(-1) as string,
    low: prices[0],
    trades: trades.length,
    volume: sumOf(
      trades.map((t) => [t.size]),
      [size],
    ),
    quote_volume: sumOf(
      trades.map((t) => [t.price, t.size]),
      [price, size],
    ),
    taker_buy_base: known
      ? sumOf(
          bought.map((t) => [t.size]),
          [size],
        )
      : undefined,
    taker_buy_quote: known
      ? sumOf(
          bought.map((t) => [t.price, t.size]),
          [price, size],
        )
      : undefined,
  };
}

const NAMES = ['open', 'high', 'low', 'close', 'volume', 'quote_volume', 'taker_buy_base', 'taker_buy_quote'];

/** Digits and decimals of one number of a row, whose f32 must be the one nearest to them. */
function stored(row: DecodedRow, name: string): [bigint, number] {
  const position = NAMES.indexOf(name);
  const scales = Number(position < 4 ? row.values.scales : row.values.scales_high);
  const decimals = (scales >>> (8 * (position % 4))) & 255;
  const digits = row.values[`${name}_digits`] as bigint;
  assert.equal(row.values[name], nearestFloat32(digits, decimals), `${name} as f32`);
  return [digits, decimals];
}

/** A sum as it can be stored: 19 digits. */
function fitting([digits, decimals]: readonly [bigint, number]): [bigint, number] {
  const surplus = Math.max(0, digits.toString().length - 19);
  return [(digits + power(surplus) / 2n) / power(surplus), decimals - surplus];
}

function check(row: DecodedRow, trades: readonly Trade[], interval: KlineInterval): void {
  const expected = plain(trades);
  const { open_time, close_time, flags } = row.values;
  assert.equal(Number(close_time), Number(open_time) + KLINE_INTERVALS[interval]);
  assert.equal(row.day, Math.floor(Number(open_time) / 86_400));
  assert.equal(row.values.trades, expected.trades);
  for (const name of ['open', 'close'] as const)
    assert.deepEqual(stored(row, name), parts(expected[name] as string), name);
  for (const name of ['high', 'low'] as const) {
    const [digits, decimals] = stored(row, name);
    const [wanted, own] = parts(expected[name]);
    assert.equal(digits * power(own), wanted * power(decimals), name);
  }
  for (const name of ['volume', 'quote_volume', 'taker_buy_base', 'taker_buy_quote'] as const) {
    const sum = expected[name];
    const missing = name.startsWith('taker') ? KLINES[interval].missing[name as 'taker_buy_base'] : 0;
    if (sum !== undefined) assert.deepEqual(stored(row, name), fitting(sum), name);
    assert.equal((Number(flags) & missing) !== 0, sum === undefined, name);
    assert.equal(Number.isNaN(row.values[name]), sum === undefined, name);
  }
  assert.ok((Number(flags) & flag('aggregated')) !== 0 && (Number(flags) & flag('closed')) !== 0);
}

const isUnsynced = (row: DecodedRow) => (Number(row.values.flags) & flag('unsynced')) !== 0;

/** The same things a little out of order. */
function jumbled<T>(
  random: (below: number) => number,
  things: readonly T[],
  distance: (i: number) => number,
): T[] {
  const places = things.map((thing, i) => ({ thing, place: i + random(distance(i)) }));
  return places.sort((a, b) => a.place - b.place).map(({ thing }) => thing);
}

/** The rows that count: the last one of each candle. */
function lastRows(rows: readonly DecodedRow[], interval: KlineInterval): Map<number, DecodedRow> {
  const ofInterval = rows.filter(({ table }) => table === KLINES[interval].name);
  return new Map(ofInterval.map((row) => [Number(row.values.open_time), row]));
}

function byOpen(trades: readonly Trade[], interval: KlineInterval): Map<number, Trade[]> {
  const groups = new Map<number, Trade[]>();
  for (const trade of trades) {
    const open = trade.seconds - (trade.seconds % KLINE_INTERVALS[interval]);
    groups.set(open, [...(groups.get(open) ?? []), trade]);
  }
  return groups;
}

/** A number with up to `digits` digits, of which up to `decimals` stand behind the point. */
function literal(random: (below: number) => number, digits: number, decimals: number): string {
  const whole = String(random(10 ** Math.min(9, 1 + random(digits))) + 1);
  const behind = random(decimals + 1);
  const fraction = Array.from({ length: behind }, () => String(random(10))).join('');
  return behind === 0 ? whole : `${whole}.${fraction}`;
}

function market(seed: number, count: number, sides: readonly Trade['side'][]): Trade[] {
  const random = randomFrom(seed);
  let seconds = START + random(100);
  return Array.from({ length: count }, (_, i) => {
    if (random(4) === 0) seconds += random(3) === 0 ? random(200) : random(20);
    return {
      id: 1000 + i,
      seconds,
      micros: random(3) * 250_000,
      price: literal(random, 7, 8),
      size: literal(random, 7, 10),
      side: sides[random(sides.length)],
    };
  });
}

const INTERVALS: readonly KlineInterval[] = ['1m', '3m', '5m', '1h', '1d'];

describe('candles added up from trades', () => {
  for (const seed of [1, 2, 3, 4]) {
    it(`are those of a plain computation, seed ${seed}`, () => {
      const trades = market(seed, 3000, seed % 2 === 0 ? ['buy', 'sell', 'none'] : ['buy', 'sell']);
      const rig = new Rig(INTERVALS);
      const random = randomFrom(seed + 100);
      // micros go back and forth within a second, and some trades are sent again
      for (const trade of trades) {
        rig.feed(trade);
        if (random(10) === 0) rig.feed(trades[Math.max(0, trade.id - 1000 - random(50))]);
      }
      rig.tick(START + 86_402);
      const rows = rig.rows();
      let compared = 0;
      for (const interval of INTERVALS) {
        const expected = byOpen(trades, interval);
        const counted = lastRows(rows, interval);
        assert.deepEqual([...counted.keys()], [...expected.keys()], `candles of ${interval}`);
        for (const [open, row] of counted) {
          check(row, expected.get(open) as Trade[], interval);
          assert.equal(
            isUnsynced(row),
            open === Math.min(...expected.keys()),
            'only the first may lack trades',
          );
          compared++;
        }
      }
      assert.ok(compared > 100);
      assert.equal(rig.late, 0);
    });
  }

  it('take trades out of order as long as the candle is remembered, and count the others', () => {
    let late = 0;
    for (const seed of [11, 12, 13]) {
      const trades = market(seed, 1200, ['buy', 'sell']);
      const random = randomFrom(seed);
      const sent = jumbled(random, trades, (i) => (i % 20 === 0 ? 60 : 8));
      const rig = new Rig(['1m', '5m']);
      const model = { '1m': [] as Trade[], '5m': [] as Trade[] };
      let lost = 0;
      const remembered = { '1m': new Set<number>(), '5m': new Set<number>() };
      for (const trade of sent) {
        let misses = 0;
        for (const interval of ['1m', '5m'] as const) {
          const open = trade.seconds - (trade.seconds % KLINE_INTERVALS[interval]);
          const opens = remembered[interval];
          if (!opens.has(open) && opens.size === 2 && open < Math.min(...opens)) misses++;
          else {
            opens.add(open);
            if (opens.size > 2) opens.delete(Math.min(...opens));
            model[interval].push(trade);
          }
        }
        if (misses > 0) lost++;
        rig.feed(trade);
        if (random(5) === 0) rig.candles.tick();
      }
      rig.tick(START + 86_400);
      const rows = rig.rows();
      for (const interval of ['1m', '5m'] as const) {
        const counted = lastRows(rows, interval);
        const expected = byOpen(model[interval], interval);
        assert.deepEqual([...counted.keys()].sort(), [...expected.keys()].sort());
        for (const [open, row] of counted) check(row, expected.get(open) as Trade[], interval);
      }
      assert.equal(rig.late, lost);
      late += lost;
    }
    assert.ok(late > 0, 'some came too late');
  });

  const trade = (id: number, seconds: number, price = '10.0', size = '1'): Trade => {
    return { id, seconds: START + seconds, micros: 0, price, size, side: 'buy' };
  };
  const told = (rows: readonly DecodedRow[]) =>
    rows.map(({ values }) => [Number(values.open_time) - START, values.trades]);

  it('are written when a later one begins, or two seconds after their end', () => {
    const rig = new Rig(['1m']);
    rig.feed(trade(1, 5));
    rig.tick(START + 61);
    assert.deepEqual(told(rig.rows()), []);
    rig.tick(START + 62);
    assert.deepEqual(told(rig.rows()), [[0, 1]]);
    rig.tick(START + 70);
    assert.deepEqual(told(rig.rows()), [], 'once');
    rig.feed(trade(2, 119));
    rig.feed(trade(3, 120));
    assert.deepEqual(told(rig.rows()), [[60, 1]]);
  });

  it('are written again with what came late', () => {
    const rig = new Rig(['1m']);
    rig.feed(trade(1, 5));
    rig.feed(trade(3, 61, '12'));
    rig.feed(trade(2, 59, '11'));
    rig.candles.tick();
    const rows = rig.rows();
    assert.deepEqual(told(rows), [
      [0, 1],
      [0, 2],
    ]);
    assert.deepEqual(stored(rows[1], 'close'), [11n, 0]);
    rig.tick(START + 200);
    assert.deepEqual(told(rig.rows()), [[60, 1]]);
    // over and written: a trade of it still counts
    rig.feed(trade(4, 62, '9'));
    rig.candles.tick();
    assert.deepEqual(told(rig.rows()), [[60, 2]]);
  });

  it('know of no trade in between when an interval had none', () => {
    const rig = new Rig(['1m']);
    for (const t of [trade(1, 5), trade(2, 65), trade(5, 365), trade(3, 125), trade(4, 185)]) rig.feed(t);
    rig.tick(START + 600);
    assert.deepEqual(
      told(rig.rows()),
      [0, 60, 120, 180, 360].map((open) => [open, 1]),
    );
    assert.equal(rig.late, 0);
    rig.feed(trade(0, 130));
    assert.equal(rig.late, 1);
  });

  it('say when trades may be missing: on both sides of a gap, and never on the others', () => {
    const rig = new Rig(['1m']);
    for (const t of [trade(1, 5), trade(2, 65), trade(3, 125), trade(4, 185)]) rig.feed(t);
    rig.candles.doubt(0);
    for (const t of [trade(9, 245), trade(10, 305)]) rig.feed(t);
    rig.tick(START + 600);
    const rows = [...lastRows(rig.rows(), '1m')];
    assert.deepEqual(
      rows.map(([open, row]) => [open - START, isUnsynced(row)]),
      [
        [0, true],
        [60, false],
        [120, false],
        [180, true],
        [240, true],
        [300, false],
      ],
    );
  });

  it('leave out what cannot be believed or may have been counted', () => {
    const rig = new Rig(['1m']);
    for (const t of [
      trade(1, 5),
      trade(2, 65),
      trade(3, 66, '-5'),
      trade(4, 67, '0'),
      trade(5, 68, '7', '0'),
    ])
      rig.feed(t);
    rig.feed(trade(6, 69, '1'.repeat(25)));
    rig.feed(trade(7, 70, '8'));
    rig.tick(START + 600);
    const row = lastRows(rig.rows(), '1m').get(START + 60) as DecodedRow;
    assert.equal(row.values.trades, 2);
    assert.ok(isUnsynced(row));
    assert.deepEqual(stored(row, 'low'), [8n, 0]);
  });

  it('are not ended by a trade from the future', () => {
    const rig = new Rig(['1m']);
    rig.feed(trade(1, 5));
    rig.harness.received[0] = START + 6;
    const ahead = JSON.stringify({
      type: 'match',
      trade_id: 2,
      side: 'buy',
      size: '1',
      price: '1',
      product_id: 'BTC-USD',
      time: new Date((START + 1000) * 1000).toISOString(),
    });
    rig.harness.feed(ahead);
    assert.equal(rig.late, 1);
    rig.feed(trade(3, 7));
    rig.tick(START + 62);
    assert.deepEqual(told(rig.rows()), [[0, 2]]);
  });

  it('wait for room in the ring, and say so when they cannot', () => {
    const rig = new Rig(['1m', '3m'], { ringWords: 256 });
    rig.feed(trade(1, 5));
    rig.harness.release();
    // fills the ring but for less than a candle
    while (rig.harness.producer.claim(24) >= 0) rig.harness.producer.commit(24);
    rig.tick(START + 62);
    assert.deepEqual(rig.dropped, []);
    rig.harness.release();
    rig.candles.tick();
    assert.deepEqual(told(rig.rows()), [[0, 1]]);
  });

  it('are kept apart by symbol, also of one that is added later', () => {
    const rig = new Rig(['1m'], { symbols: ['BTC-USD', 'ETH-USD'] });
    rig.feed(trade(1, 5, '1'));
    rig.feed(trade(1, 6, '2'), 'ETH-USD');
    rig.candles.resize(40);
    rig.feed(trade(2, 7, '3'), 'ETH-USD');
    rig.tick(START + 62);
    assert.deepEqual(
      rig.rows().map((row) => [row.stream, row.values.trades, stored(row, 'close')]),
      [
        [0, 1, [1n, 0]],
        [1, 2, [3n, 0]],
      ],
    );
  });

  it('hold a day of a large market exactly', () => {
    const rig = new Rig(['1d']);
    const trades = Array.from({ length: 2000 }, (_, i) => ({
      ...trade(i + 1, i * 40, `${65_000 + i}.${String(i).padStart(8, '0')}`, `${900_000 + i}.00000001`),
      side: i % 3 === 0 ? ('buy' as const) : ('sell' as const),
    }));
    for (const t of trades) {
      rig.feed(t);
      rig.harness.release();
    }
    rig.tick(START + 86_402);
    const [row] = rig.rows();
    check(row, trades, '1d');
    assert.ok(stored(row, 'quote_volume')[0] > 2n ** 60n);
  });
});

/** Candles as one exchange sends them while they grow, with the ids of their first and last trade. */
interface SentCandle {
  readonly t: number;
  readonly s: string;
  readonly i: string;
  readonly f: number;
  readonly L: number;
  readonly o: string;
  readonly h: string;
  readonly l: string;
  readonly c: string;
  readonly v: string;
  readonly q: string;
  readonly V: string;
  readonly Q: string;
}

describe('candles that an exchange sent beside its trades', { skip: corpusMissing }, () => {
  const RECORDING = 'binance-spot/cf-20210404-depth-kline-aggtrade';

  it('are the sums of those trades', (t) => {
    const aggregates = readExpected(RECORDING).filter((e) => e.kind === 'trade' && e.agg === true);
    const candles = readMessages(RECORDING)
      .filter(({ raw }) => raw.includes('"e":"kline"'))
      .map(({ raw }) => (JSON.parse(raw) as { data: { k: SentCandle } }).data.k);
    let compared = 0;
    for (const candle of candles) {
      const within = aggregates.filter(
        (e) =>
          e.symbol === candle.s &&
          Number(e.first_trade_id) >= candle.f &&
          Number(e.last_trade_id) <= candle.L,
      );
      // only what begins and ends with the recorded trades can be compared
      if (Number(within[0]?.first_trade_id) !== candle.f || Number(within.at(-1)?.last_trade_id) !== candle.L)
        continue;
      const rig = new Rig([candle.i as KlineInterval], { symbols: [candle.s], received: candle.t / 1000 });
      for (const e of jumbled(randomFrom(candle.L), within, () => 5)) rig.feed(asTrade(e), candle.s);
      rig.tick(candle.t / 1000 + 62);
      const [row] = lastRows(rig.rows(), candle.i as KlineInterval).values();
      const sent = { open: candle.o, high: candle.h, low: candle.l, close: candle.c, volume: candle.v };
      const sums = { quote_volume: candle.q, taker_buy_base: candle.V, taker_buy_quote: candle.Q };
      for (const [name, text] of Object.entries({ ...sent, ...sums })) {
        const [digits, decimals] = stored(row, name);
        const [wanted, own] = parts(text);
        assert.equal(digits * power(own), wanted * power(decimals), `${name} of ${JSON.stringify(candle)}`);
      }
      compared++;
    }
    assert.ok(compared > 20, `${compared} candles could be compared`);
    t.diagnostic(`${compared} of ${candles.length} candles compared`);
  });

  function asTrade(e: Expected): Trade {
    const ns = BigInt(e.time_ns as string);
    return {
      id: Number(e.trade_id),
      seconds: Number(ns / 1_000_000_000n),
      micros: Number((ns % 1_000_000_000n) / 1000n),
      price: e.price as string,
      size: e.size as string,
      side: e.side as Trade['side'],
    };
  }
});

describe('trades older than the clock skew', () => {
  it('are in the candle of their time, which is filed where they are', () => {
    const rig = new Rig(['1m']);
    const old = START - 3 * 86_400;
    const at = { micros: 0, side: 'buy' } as const;
    rig.harness.received[0] = START;
    rig.feed({ ...at, id: 1, seconds: old, price: '100', size: '1' });
    rig.feed({ ...at, id: 2, seconds: old + 1, price: '101', size: '2' });
    rig.feed({ ...at, id: 3, seconds: old + 60, price: '102', size: '1' });
    rig.tick(START + 10);
    const [first, second] = rig.rows();
    assert.deepEqual(
      [first, second].map(({ values, day }) => [values.open_time, values.trades, values.close, day]),
      [
        [old, 2, 101, START / 86_400],
        [old + 60, 1, 102, START / 86_400],
      ],
    );
    assert.notEqual(Number(first.values.flags) & flag('suspect_clock'), 0);
    assert.equal(rig.late, 0);
  });
});
