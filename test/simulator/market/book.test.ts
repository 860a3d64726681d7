import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ASK, BID, Book, type BookShape, levelHash } from '../../../src/simulator/market/book.js';
import { catalogue, type Listing } from '../../../src/simulator/market/catalogue.js';
import { Random } from '../../../src/simulator/market/random.js';

const RULES = {
  quotes: ['USD'],
  join: '-',
  size_scale: () => 3,
  first_trade_id: 1000,
  unicode: false,
};
const [listing] = catalogue(RULES, 1);
/** Bids soon reach the price of one tick. */
const cheap: Listing = { ...listing, price_ticks: 200 };

type Side = Map<number, number>;

/** What a client keeps by the rules of its exchange. */
class Client {
  readonly sides: readonly [Side, Side] = [new Map(), new Map()];
  readonly #shape: BookShape;

  constructor(book: Book, shape: BookShape) {
    this.#shape = shape;
    this.snapshot(book);
  }

  snapshot(book: Book): void {
    for (const side of [BID, ASK]) {
      this.sides[side].clear();
      for (let i = 0; i < book.count(side); i++)
        this.sides[side].set(book.price(side, i), book.size(side, i));
    }
  }

  change(book: Book): void {
    for (const side of [BID, ASK]) {
      const levels = this.sides[side];
      for (let i = 0; i < book.changes(side); i++) {
        const size = book.changedSize(side, i);
        if (size === 0) levels.delete(book.changedPrice(side, i));
        else levels.set(book.changedPrice(side, i), size);
      }
      if (this.#shape.truncates !== true) continue;
      for (const [price] of ranked(levels, side).slice(this.#shape.window)) levels.delete(price);
    }
  }
}

function ranked(levels: Side, side: number): [number, number][] {
  return [...levels].sort(([a], [b]) => (side === BID ? b - a : a - b));
}

function levelsOf(book: Book, side: number): [number, number][] {
  return Array.from({ length: book.count(side) }, (_, i) => [book.price(side, i), book.size(side, i)]);
}

const SHAPES: BookShape[] = [
  {},
  { window: 10 },
  { window: 10, truncates: true },
  { window: 25, truncates: true },
  { window: 1, truncates: true },
  { window: 5, whole: true },
];

for (const shape of SHAPES) {
  for (const market of [listing, cheap]) {
    test(`a client of the changes has the book: ${JSON.stringify(shape)}, first price ${market.price_ticks}`, () => {
      const random = new Random(5);
      const book = new Book(market, random, 50);
      book.track(shape);
      const client = new Client(book, shape);
      let [dropped, taken] = [0, 0];
      for (let event = 0; event < 4000; event++) {
        for (let steps = random.below(20); steps > 0 && !book.urgent; steps--) {
          if (random.below(3) > 0) book.make();
          else {
            const [buys, lots] = [random.below(2) === 0, 1 + random.below(market.size_lots_max)];
            const there = buys ? book.ask_size : book.bid_size;
            assert.equal(book.take(buys, lots), Math.min(lots, there));
            taken++;
          }
        }
        assert.ok(book.bid < book.ask && book.bid > 0 && book.bid_size > 0 && book.ask_size > 0);
        const silent = client.sides.map((levels, side) =>
          [...levels.keys()].filter((price) => !levelsOf(book, side).some(([there]) => there === price)),
        );
        const told = [BID, ASK].map((side) =>
          Array.from({ length: book.changes(side) }, (_, i) => book.changedPrice(side, i)),
        );
        dropped += silent.flatMap((prices, side) => prices.filter((p) => !told[side].includes(p))).length;
        if (random.below(50) === 0) client.snapshot(book);
        client.change(book);
        book.settle();
        let hash = 0;
        for (const side of [BID, ASK]) {
          const levels = levelsOf(book, side);
          assert.deepEqual(ranked(client.sides[side], side), levels, `event ${event}, side ${side}`);
          assert.ok(levels.length >= 1 && levels.length <= (shape.window ?? 50));
          for (const [price, size] of levels)
            hash = (hash + levelHash(side, price, market.price_scale, size, market.size_scale)) | 0;
        }
        assert.equal(book.hash, hash);
      }
      assert.ok(taken > 1000);
      // the case that makes clients cut for themselves did happen, and nowhere else
      assert.equal(dropped > 0, shape.truncates === true);
    });
  }
}

test('the hash of a level is the same for every spelling, and another one for another level', () => {
  const hash = levelHash(BID, 83_744_300, 4, 2_500_000, 8);
  assert.equal(levelHash(BID, 837_443, 2, 25, 3), hash);
  const others = [
    levelHash(ASK, 837_443, 2, 25, 3),
    levelHash(BID, 837_443, 1, 25, 3),
    levelHash(BID, 837_443, 2, 25, 4),
    levelHash(BID, 837_444, 2, 25, 3),
    levelHash(BID, 837_443, 2, 26, 3),
    levelHash(BID, 25, 3, 837_443, 2),
  ];
  for (const other of others) assert.notEqual(other, hash);
});
