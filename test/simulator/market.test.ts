import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binance } from '../../src/simulator/binance.js';
import {
  IsoTime,
  putApproximate,
  putDecimal,
  putDecimalPadded,
  putUint,
  Slab,
  trimmedScale,
} from '../../src/simulator/bytes.js';
import { coinbase } from '../../src/simulator/coinbase.js';
import { Frame } from '../../src/simulator/frame.js';
import { SymbolMarket } from '../../src/simulator/market.js';
import { orderIdWord } from '../../src/simulator/random.js';
import { f32BitsOf } from '../../src/simulator/rows.js';

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

test('every literal of every listing is exact below 2^53, and no frame outgrows its slot', () => {
  for (const protocol of [coinbase, binance]) {
    const slab = new Slab();
    const frame = new Frame(slab);
    const { event } = frame;
    frame.slot = 63;
    frame.start = slab.start(63);
    for (const [index, listing] of protocol.listings(400).entries()) {
      const market = new SymbolMarket(listing, index, 1, 1024, NOW_US);
      for (let i = 0; i < 20; i++) {
        market.trade(NOW_US + i);
        for (const channel of protocol.channels) {
          frame.now_us = NOW_US + i;
          slab.finish(63, protocol.compose(channel, market, frame));
          const message = JSON.parse(Buffer.from(slab.frame(63)).toString());
          assert.ok(slab.length[63] < 1000);
          assert.ok([...event.digits].every(Number.isSafeInteger), `${listing.name} ${channel}`);
          const { data } = message;
          if (channel !== 'trades') continue;
          const [price, size] = data ? [data.p, data.q] : [message.price, message.size];
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
