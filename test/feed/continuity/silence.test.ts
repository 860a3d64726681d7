/** Which streams count as silent, judged by what their siblings do, and what is done about them, second by second. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Silence } from '../../../src/feed/continuity/silence.js';
import { AGG_TRADES, BOOK, MD, TRADES } from '../../../src/schema/tables.js';

const TABLES = { trades: TRADES, agg_trades: AGG_TRADES, ticker: MD, book: BOOK };
type Channel = keyof typeof TABLES;

/** Streams that are told in which seconds they move. */
class Market {
  readonly received = new Map<string, number>();
  private now = 1_800_000_000;
  readonly silence: Silence;

  constructor(
    readonly channels: readonly Channel[],
    readonly symbols = 1,
    readonly refused: readonly string[] = [],
  ) {
    this.silence = new Silence(
      channels.map((name) => ({
        name,
        table: TABLES[name],
        receivedAt: (slot) => this.received.get(`${slot} ${name}`) ?? 0,
      })),
    );
  }

  /** Seconds pass; answers what was to be done: `second slot channel remedy`. */
  pass(seconds: number, moves: (second: number, slot: number, channel: Channel) => boolean): string[] {
    const done: string[] = [];
    for (let second = 1; second <= seconds; second++) {
      this.now++;
      for (let slot = 0; slot < this.symbols; slot++)
        for (const channel of this.channels)
          if (moves(second, slot, channel)) this.received.set(`${slot} ${channel}`, this.now);
      const remedies = this.silence.second(
        this.symbols,
        (slot, channel) => !this.refused.includes(`${slot} ${channel}`),
      );
      done.push(...remedies.map(({ slot, channel, kind }) => `${second} ${slot} ${channel} ${kind}`));
    }
    return done;
  }

  get silent(): string[] {
    return this.silence.silent.map(({ slot, channel }) => `${slot} ${channel}`);
  }
}

test('trades print and their aggregates never come: a certain fault within a minute, and the remedies grow', () => {
  const market = new Market(['trades', 'agg_trades']);
  const done = market.pass(700, (second, _, channel) => channel === 'trades' && second % 2 === 0);
  assert.deepEqual(done, [
    '20 0 agg_trades resubscribe',
    '41 0 agg_trades replace',
    '102 0 agg_trades resubscribe',
    '283 0 agg_trades resubscribe',
  ]);
  assert.deepEqual(market.silent, ['0 agg_trades']);
});

test('a stream that stops while its symbol goes on is silent, and is not any more when it moves', () => {
  const market = new Market(['trades', 'book']);
  assert.deepEqual(
    market.pass(300, (second, _, channel) => channel === 'book' || second % 3 === 0),
    [],
  );
  const done = market.pass(200, (_, __, channel) => channel === 'book');
  assert.equal(done[0], '90 0 trades resubscribe');
  market.pass(1, () => true);
  assert.deepEqual(market.silent, []);
});

test('who falls silent again soon gets the next remedy', () => {
  const market = new Market(['trades', 'agg_trades']);
  const trading = (_: number, __: number, channel: Channel) => channel === 'trades';
  market.pass(60, () => true);
  assert.match(market.pass(45, trading).join(), /resubscribe$/);
  market.pass(1, () => true);
  assert.match(market.pass(45, trading).join(), /replace$/);
});

test('a market that is quiet as a whole, or always nearly so, is no fault', () => {
  const quiet = new Market(['trades', 'agg_trades', 'ticker']);
  const night = (second: number) => second < 600 || second % 900 === 0;
  assert.deepEqual(quiet.pass(5000, night), []);
  // a book that moves all the time, and a trade now and then
  const illiquid = new Market(['trades', 'book']);
  assert.deepEqual(
    illiquid.pass(20_000, (second, _, channel) => channel === 'book' || second % 1700 === 0),
    [],
  );
  const alone = new Market(['trades']);
  assert.deepEqual(
    alone.pass(5000, (second) => second < 1000),
    [],
  );
});

test('a symbol of which nothing comes any more while the others go on is silent in every channel', () => {
  const market = new Market(['trades', 'ticker'], 3);
  market.pass(100, () => true);
  const done = market.pass(60, (_, slot) => slot !== 1);
  assert.deepEqual(done, [
    '30 1 trades resubscribe',
    '30 1 ticker resubscribe',
    '51 1 trades replace',
    '51 1 ticker replace',
  ]);
});

test('what the exchange has refused is not expected', () => {
  const market = new Market(['trades', 'agg_trades'], 1, ['0 agg_trades']);
  assert.deepEqual(
    market.pass(300, (_, __, channel) => channel === 'trades'),
    [],
  );
});
