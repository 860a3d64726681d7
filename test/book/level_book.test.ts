/** The order book against one that is a sorted array of texts, the checksums against zlib and published vectors. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import { writeDecimal } from '../../src/base/digits.js';
import { krakenChecksum, okxChecksum } from '../../src/book/checksum.js';
import { type BookSide, CELL_BYTES, CELL_SIZE, LevelBook } from '../../src/book/level_book.js';
import { decimalText } from '../../src/schema/codec.js';
import { BOOK_SIDE } from '../../src/schema/tables.js';
import { randomFrom } from '../support/random.js';

type Level = readonly [price: string, size: string];

/** Price and size as they would lie in a message. */
function set(book: LevelBook, side: number, price: string, size: string): boolean {
  const bytes = Buffer.from(`{"price":${price},"qty":${size}}`);
  const from = 9 + price.length + 7;
  return book.set(side, bytes, 9, 9 + price.length, from, from + size.length);
}

function levelsOf(side: BookSide): Level[] {
  const text = (from: number, length: number) =>
    Buffer.from(side.text.subarray(from, from + length)).toString();
  return Array.from({ length: side.count }, (_, rank) => {
    const cell = side.order[rank];
    const at = cell * CELL_BYTES;
    return [text(at, side.priceLength[cell]), text(at + CELL_SIZE, side.sizeLength[cell])];
  });
}

/** The book as a list of texts that is sorted anew after every change. */
class Naive {
  levels: Record<number, Level[]> = { [BOOK_SIDE.bid]: [], [BOOK_SIDE.ask]: [] };

  set(side: number, price: string, size: string): void {
    const others = this.levels[side].filter(([p]) => Number(p) !== Number(price));
    if (Number(size) !== 0) others.push([price, size]);
    const sign = side === BOOK_SIDE.bid ? -1 : 1;
    this.levels[side] = others.sort(([a], [b]) => sign * (Number(a) - Number(b)));
  }

  trim(depth: number): void {
    for (const side of [BOOK_SIDE.bid, BOOK_SIDE.ask])
      this.levels[side].length = Math.min(depth, this.levels[side].length);
  }

  kraken(): number {
    const strip = (text: string) => text.replace('.', '').replace(/^0+/, '');
    const side = (levels: Level[]) =>
      levels
        .slice(0, 10)
        .map(([p, q]) => strip(p) + strip(q))
        .join('');
    return crc32(side(this.levels[BOOK_SIDE.ask]) + side(this.levels[BOOK_SIDE.bid]));
  }

  okx(): number {
    const parts: string[] = [];
    for (let rank = 0; rank < 25; rank++)
      for (const side of [BOOK_SIDE.bid, BOOK_SIDE.ask])
        if (rank < this.levels[side].length) parts.push(this.levels[side][rank].join(':'));
    return crc32(parts.join(':'));
  }
}

function bookOf(asks: readonly Level[], bids: readonly Level[]): LevelBook {
  const book = new LevelBook();
  for (const [price, size] of asks) assert.ok(set(book, BOOK_SIDE.ask, price, size));
  for (const [price, size] of bids) assert.ok(set(book, BOOK_SIDE.bid, price, size));
  return book;
}

const pairs = (text: string): Level[] => text.split(' ').map((pair) => pair.split(',') as unknown as Level);

describe('level book', () => {
  it('is the same as one that is sorted anew after every change, at any depth', () => {
    for (const [seed, depth, ticks, events] of [
      [1, 10, 40, 3000],
      [2, 25, 200, 1000],
      [3, 1000, 5000, 60],
    ]) {
      const random = randomFrom(seed);
      const book = new LevelBook();
      const naive = new Naive();
      for (let event = 0; event < events; event++) {
        for (let n = random(depth > 100 && event === 0 ? 3000 : 4); n >= 0; n--) {
          const side = random(2) === 0 ? BOOK_SIDE.bid : BOOK_SIDE.ask;
          const price = ((side === BOOK_SIDE.bid ? 1000 : 1000 + ticks) + random(ticks)) / 10;
          const size = random(3) === 0 ? '0.00000000' : (random(1_000_000) / 1e8).toFixed(8);
          naive.set(side, price.toFixed(1), size);
          assert.ok(set(book, side, price.toFixed(1), size));
        }
        book.trim(depth);
        naive.trim(depth);
        assert.equal(krakenChecksum(book), naive.kraken());
        assert.equal(okxChecksum(book), naive.okx());
        if (event % 50 > 0) continue;
        assert.deepEqual(levelsOf(book.bids), naive.levels[BOOK_SIDE.bid]);
        assert.deepEqual(levelsOf(book.asks), naive.levels[BOOK_SIDE.ask]);
      }
    }
  });

  it('knows a price whatever its text, and keeps the newest text', () => {
    const book = bookOf(
      [
        ['105944.30', '1'],
        ['105944.3', '2.50'],
        ['1059443e-1', '3'],
      ],
      [],
    );
    assert.deepEqual(levelsOf(book.asks), [['105944.3', '3']]);
    assert.ok(set(book, BOOK_SIDE.ask, '105944.300', '0E0'));
    assert.equal(book.asks.count, 0);
  });

  it('keeps an exponent form as the number it stands for, so that a checksum can be made of it', () => {
    const book = bookOf([['1', '1e-08']], [['2.5E-7', '12E2']]);
    assert.deepEqual(levelsOf(book.asks), [['1', '0.00000001']]);
    assert.deepEqual(levelsOf(book.bids), [['0.00000025', '1200']]);
  });

  it('takes sizes beyond 2^53 and refuses what is no number, without a trace', () => {
    const book = bookOf(
      [
        ['886110000000.00', '12345678901.12345678'],
        ['123456789012345678901', '1'],
      ],
      [],
    );
    assert.deepEqual(levelsOf(book.asks)[0], ['886110000000.00', '12345678901.12345678']);
    for (const [price, size] of [
      ['x', '1'],
      ['1', 'x'],
      ['1', ''],
      ['', '1'],
      ['1e-40', '1'],
      ['1', '1e-40'],
      ['9'.repeat(33), '1'],
    ])
      assert.equal(set(book, BOOK_SIDE.ask, price, size), false);
    assert.equal(book.asks.count, 2);
  });

  it('sees that it is crossed', () => {
    const book = bookOf([['10.5', '1']], [['10.4', '1']]);
    assert.equal(book.isCrossed(), false);
    assert.ok(set(book, BOOK_SIDE.bid, '10.50', '1'));
    assert.equal(book.isCrossed(), true);
    book.clear();
    assert.equal(book.isCrossed(), false);
  });
});

describe('checksums of books', () => {
  const asks = pairs(
    '45285.2,0.00100000 45286.4,1.54571953 45286.6,1.54571109 45289.6,1.54560911 45290.2,0.15890660 45291.8,1.54553491 45294.7,0.04454749 45296.1,0.35380000 45297.5,0.09945542 45299.5,0.18772827',
  );
  const bids = pairs(
    '45283.5,0.10000000 45283.4,1.54582015 45282.1,0.10000000 45281.0,0.10000000 45280.3,1.54592586 45279.0,0.07990000 45277.6,0.03310103 45277.5,0.30000000 45277.3,1.54602737 45276.6,0.15445238',
  );

  it('agree with the vector that Kraken publishes', () => {
    assert.equal(krakenChecksum(bookOf(asks, bids)), 3310070434);
  });

  it('change with every digit and with the padding', () => {
    const altered = asks.map(([p, q], rank): Level => (rank === 9 ? [p, '0.18772828'] : [p, q]));
    assert.notEqual(krakenChecksum(bookOf(altered, bids)), 3310070434);
    const trimmed = asks.map(([p, q]): Level => [p, q.replace(/0+$/, '')]);
    assert.notEqual(krakenChecksum(bookOf(trimmed, bids)), 3310070434);
  });
});

describe('digits and decimals as text', () => {
  it('are what BigInt makes of them, over the whole range', () => {
    const random = randomFrom(4);
    const bytes = new Uint8Array(300);
    const edges = [
      0n,
      1n,
      9n,
      10n,
      999_999_999n,
      1_000_000_000n,
      2n ** 32n - 1n,
      2n ** 32n,
      2n ** 53n,
      10n ** 19n,
      2n ** 64n - 1n,
    ];
    const drawn = Array.from(
      { length: 3000 },
      () =>
        BigInt.asUintN(
          64,
          (BigInt(random(2 ** 31)) << 33n) | (BigInt(random(2 ** 31)) << 2n) | BigInt(random(4)),
        ) >> BigInt(random(64)),
    );
    for (const value of [...edges, ...drawn]) {
      for (const decimals of [0, 1, 8, random(20), 19, 20, 255]) {
        const end = writeDecimal(bytes, 3, Number(value & 0xffffffffn), Number(value >> 32n), decimals);
        assert.equal(Buffer.from(bytes.subarray(3, end)).toString(), decimalText(value, decimals));
      }
    }
  });
});
