import assert from 'node:assert/strict';
import { test } from 'node:test';
import { f32BitsOf } from '../../../src/simulator/compare/rows.js';
import {
  IsoTime,
  putApproximate,
  putDecimal,
  putDecimalPadded,
  putUint,
  Slab,
  trimmedScale,
} from '../../../src/simulator/market/bytes.js';
import { CANDLE_AT } from '../../../src/simulator/market/candles.js';
import { KLINE_CHANNELS } from '../../../src/simulator/market/channels.js';
import { Frame } from '../../../src/simulator/market/frame.js';
import { EventValues } from '../../../src/simulator/market/ledger.js';
import { SymbolMarket } from '../../../src/simulator/market/market.js';
import { orderIdWord } from '../../../src/simulator/market/random.js';
import type { Link } from '../../../src/simulator/server/protocol.js';
import { binance } from '../../../src/simulator/venues/binance/spot.js';
import { coinbase } from '../../../src/simulator/venues/coinbase/exchange.js';
import { PROTOCOLS } from '../../../src/simulator/venues/index.js';
import type { Json } from '../client.js';

const NOW_US = 1_790_000_000_123_456;

/** What a put function writes, as text. */
function written(put: (out: DataView, at: number) => number): string {
  const view = new DataView(new ArrayBuffer(128));
  return Buffer.from(view.buffer, 3, put(view, 3) - 3).toString();
}

test('numbers and times are written as JavaScript writes them', () => {
  const values = [0, 1, 9, 10, 99, 100, 12345, 999_999_999, 1e9, 1e9 + 7, 135_437_581_854, 2 ** 53 - 1];
  for (const value of values) {
    assert.equal(
      written((out, at) => putUint(out, at, value)),
      String(value),
    );
    if (value >= 2 ** 52) continue;
    for (let scale = 0; scale <= 8; scale++) {
      const digits = String(value).padStart(scale + 1, '0');
      const [whole, fraction] = [digits.slice(0, digits.length - scale), digits.slice(digits.length - scale)];
      const expected = scale === 0 ? whole : `${whole}.${fraction}`;
      assert.equal(
        written((out, at) => putDecimal(out, at, value, scale)),
        expected,
      );
      assert.equal(
        written((out, at) => putDecimalPadded(out, at, value, scale, 8)),
        `${whole}.${fraction.padEnd(8, '0')}`,
      );
    }
  }
  assert.equal(
    written((out, at) => putApproximate(out, at, 840_180_761.5)),
    '840180761.50000000',
  );
  assert.deepEqual(
    [trimmedScale(98500, 2), trimmedScale(985, 2), trimmedScale(0, 2), trimmedScale(980, 2)],
    [0, 2, 0, 1],
  );
  const iso = new IsoTime();
  for (const time_us of [NOW_US, NOW_US + 1, NOW_US + 876_544, 0, 1e15]) {
    const text = new Date(Math.floor(time_us / 1000)).toISOString().slice(0, 23);
    assert.equal(
      written((out, at) => iso.put(out, at, time_us)),
      `${text}${String(time_us % 1000).padStart(3, '0')}Z`,
    );
  }
});

function course(seed: number, steps: number): string[] {
  const market = new SymbolMarket(coinbase.listings(3)[1], 1, seed, 4096, NOW_US);
  return Array.from({ length: steps }, (_, i) => {
    if (i % 3 === 0) market.quote();
    else market.trade(NOW_US + i);
    const { last_id, last_price, last_size, last_side, bid, ask, sequence, volume } = market;
    return [last_id, last_price, last_size, last_side, bid, ask, sequence, volume].join(' ');
  });
}

test('the same seed gives the same market, another seed another one', () => {
  assert.deepEqual(course(7, 500), course(7, 500));
  assert.notDeepEqual(course(7, 500), course(8, 500));
});

test('a market keeps its figures consistent and remembers its trades', () => {
  const market = new SymbolMarket(coinbase.listings(1)[0], 0, 3, 1024, NOW_US);
  const first = market.last_id;
  const trades = new Map<number, string>();
  for (let i = 1; i <= 5000; i++) {
    const { bid, ask, sequence } = market;
    market.trade(NOW_US + i);
    assert.equal(market.last_id, first + i);
    assert.equal(market.last_price, market.last_side === 1 ? ask : bid);
    assert.ok(market.sequence > sequence && market.bid < market.ask && market.bid > 0);
    assert.ok(market.low <= market.last_price && market.last_price <= market.high);
    trades.set(
      market.last_id,
      [market.last_time_us, market.last_price, market.last_size, market.last_side].join(),
    );
  }
  const past = (id: number) => {
    const trade = market.past(id);
    return trade && [trade.time_us, trade.price_ticks, trade.size_lots, trade.side].join();
  };
  for (let id = market.last_id - 1023; id <= market.last_id; id++) assert.equal(past(id), trades.get(id));
  assert.equal(past(market.last_id + 1), undefined);
  assert.equal(
    past(market.last_id - 1024),
    undefined,
    'no longer remembered, so not answered rather than wrong',
  );
  assert.equal(market.oldest_kept, market.last_id - 1023);
  assert.ok(market.past(first - 2)!.time_us < market.past(first - 1)!.time_us);
});

/** Numbers of a payload that the ledger must hold, by channel: price and size. */
function priceAndSize(message: Json): [string, string] | undefined {
  const { data, events } = message;
  const trade = events?.[0].trades?.[0] ?? data?.[0] ?? data ?? message;
  return trade.size !== undefined ? [trade.price, trade.size] : trade.p && [trade.p, trade.q ?? trade.v];
}

test('every literal of every listing is exactly kept, and no frame outgrows its slot', () => {
  for (const protocol of Object.values(PROTOCOLS)) {
    const slab = new Slab();
    const frame = new Frame(slab);
    const { event } = frame;
    frame.slot = 63;
    frame.start = slab.start(63);
    for (const [index, listing] of protocol.listings(400).entries()) {
      const market = new SymbolMarket(listing, index, 1, 1024, NOW_US);
      for (const channel of protocol.channels) market.begin(channel, {});
      for (let i = 0; i < 20; i++) {
        frame.now_us = NOW_US + i;
        market.trade(NOW_US + i);
        for (const channel of protocol.channels) {
          if (channel === 'book') market.changeBook(6);
          if (channel === 'agg_trades') market.takeAggregate();
          event.clear();
          frame.events = 0;
          slab.finish(63, protocol.compose(channel, market, frame));
          if (channel === 'book') market.book.settle();
          const link = { sequence: 7 } as Link;
          const from = protocol.stamp?.(slab, 63, link) ?? slab.start(63);
          const end = slab.start(63) + slab.length[63];
          const message = JSON.parse(Buffer.from(slab.part(from, end - from)).toString());
          // below 2^53, or a multiple of a power of two that keeps it exact
          assert.ok([...event.digits].every(Number.isInteger), `${listing.name} ${channel}`);
          assert.ok(
            [...event.digits].every((digits) => digits < 2 ** 63),
            `${listing.name} ${channel}`,
          );
          const literals = channel.endsWith('trades') ? priceAndSize(message) : undefined;
          if (literals === undefined) continue;
          const [price, size] = literals;
          assert.equal(price.replace('.', '').replace(/^0+(?=.)/, ''), String(event.digits[0]));
          assert.equal(size.replace('.', '').replace(/^0+(?=.)/, ''), String(event.digits[1]));
          assert.deepEqual(
            [event.scales[0], event.scales[1]],
            [price, size].map((t) => (t.split('.')[1] ?? '').length),
          );
        }
      }
    }
  }
});

test('ids of up to 64 bits reach the ledger as they are', () => {
  const event = new EventValues();
  const ids: [number, number][] = [
    [2_290_000_001, 202_469_355],
    [17_866_130, 914_490_003],
    [0, 1],
    [18_446_744_073, 709_551_615],
  ];
  for (const [billions, rest] of ids) {
    event.setLongId(billions, rest);
    const expected = BigInt(billions) * 1_000_000_000n + BigInt(rest);
    assert.equal((BigInt(event.id_high) << 32n) + BigInt(event.id_low), expected);
  }
});

test('aggregates and candles add up to the trades', () => {
  const market = new SymbolMarket(binance.listings(1)[0], 0, 9, 8192, NOW_US);
  for (const channel of ['trades', 'agg_trades', 'klines_1m', 'klines_5m'] as const)
    market.begin(channel, {});
  const first = market.last_id + 1;
  const aggregates: { id: number; from: number; to: number; price: number; size: number; side: number }[] =
    [];
  const candles = new Map<number, number[]>();
  const minute = KLINE_CHANNELS.indexOf('klines_1m');
  for (let i = 0; i < 4000; i++) {
    // six minutes
    market.trade(NOW_US + i * 90_000);
    while (market.rollCandle(minute, NOW_US + i * 90_000)) {
      const word = (at: number) => market.candles.word(minute, at);
      candles.set(word(CANDLE_AT.open_time), [
        word(CANDLE_AT.open),
        word(CANDLE_AT.high),
        word(CANDLE_AT.low),
        word(CANDLE_AT.close),
        word(CANDLE_AT.volume),
        word(CANDLE_AT.taker_buy_base),
        word(CANDLE_AT.trades),
        word(CANDLE_AT.first_id),
        word(CANDLE_AT.last_id),
      ]);
      const closed = market.candles.isClosed(minute);
      market.candleSent(minute);
      if (!closed) break;
    }
    if (i % 7 > 0) continue;
    while (market.takeAggregate()) {
      const { id, first_id, last_id, price, size, side } = market.aggregates;
      aggregates.push({ id, from: first_id, to: last_id, price, size, side });
    }
  }
  const trades = Array.from({ length: 4000 }, (_, i) => market.past(first + i)!);
  let next = first;
  aggregates.forEach(({ id, from, to, price, size, side }, i) => {
    assert.deepEqual([id, from], [aggregates[0].id + i, next]);
    const parts = trades.slice(from - first, to - first + 1);
    assert.equal(
      parts.reduce((total, { size_lots }) => total + size_lots, 0),
      size,
    );
    assert.ok(parts.every((trade) => trade.price_ticks === price && trade.side === side));
    assert.deepEqual([market.aggregates.firstIdOf(id), market.aggregates.lastIdOf(id)], [from, to]);
    next = to + 1;
  });
  assert.ok(aggregates.some(({ from, to }) => to > from));
  assert.ok(candles.size >= 6);
  for (const [open_time, candle] of [...candles].slice(1)) {
    const own = trades.filter(({ time_us }) => Math.floor(time_us / 60e6) * 60 === open_time);
    const prices = own.map(({ price_ticks }) => price_ticks);
    const volume = (rows: typeof own) => rows.reduce((total, { size_lots }) => total + size_lots, 0);
    assert.deepEqual(candle, [
      prices[0],
      Math.max(...prices),
      Math.min(...prices),
      prices.at(-1),
      volume(own),
      volume(own.filter(({ side }) => side === 1)),
      own.length,
      own[0].id,
      own.at(-1)?.id,
    ]);
  }
});

test('order ids are of UUID version 4 and differ by trade and role', () => {
  const seen = new Set<string>();
  for (let id = 0; id < 2000; id++) {
    for (const role of [3, 5]) {
      const words = [0, 1, 2, 3].map((word) => orderIdWord(77, id, role, word));
      assert.equal((words[1] >>> 12) & 0xf, 4);
      assert.equal(words[2] >>> 30, 2);
      seen.add(words.join());
    }
  }
  assert.equal(seen.size, 4000);
});

test('f32 of a decimal is rounded once, also where rounding to double first goes wrong', () => {
  const floats = new Float32Array(1);
  const bits = new Uint32Array(floats.buffer);
  const floatOf = (word: number) => {
    bits[0] = word;
    return floats[0];
  };
  /** sign of digits × 10^-scale - value, exactly; values here are multiples of 2^-40 */
  const difference = (digits: bigint, scale: number, value: number) =>
    digits * 2n ** 60n - BigInt(value * 2 ** 40) * 2n ** 20n * 10n ** BigInt(scale);
  let twice = 0;
  for (let i = 0; i < 3000; i++) {
    // between 8 and 9, where 16 decimal digits are finer than a double
    const low = 0x41000000 + ((i * 7919) % 0x00100000);
    const middle = (floatOf(low) + floatOf(low + 1)) / 2;
    const scale = 15;
    const near = (BigInt(middle * 2 ** 21) * 10n ** 15n) / 2n ** 21n;
    for (const digits of [near - 1n, near, near + 1n]) {
      if (digits > 2n ** 53n) continue;
      const sign = difference(digits, scale, middle);
      const expected = sign > 0n ? low + 1 : sign < 0n ? low : low & 1 ? low + 1 : low;
      assert.equal(f32BitsOf(Number(digits), scale), expected, `${digits}e-${scale}`);
      if (Math.fround(Number(digits) / 10 ** scale) !== floatOf(expected)) twice++;
    }
  }
  assert.ok(twice > 0, 'the cases hold some where Math.fround of the double is wrong');
});
