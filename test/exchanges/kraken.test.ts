/**
 * Kraken: recorded messages against their expectations through all three parsers, the checksum of every recorded event
 * of a book, what follows when one does not fit, and what is said to the exchange.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { krakenChecksum } from '../../src/book/checksum.js';
import { LevelBook } from '../../src/book/level_book.js';
import { loadExchange } from '../../src/exchanges/index.js';
import type { Exchange } from '../../src/feed/exchange.js';
import { type DecodedRow, decimalText } from '../../src/schema/codec.js';
import { flag } from '../../src/schema/flags.js';
import { BOOK, BOOK_SIDE, MD, SIDE } from '../../src/schema/tables.js';
import { atLeast, type Expected, readExpected, readMessages, recordings } from '../support/corpus.js';
import { Harness, type HarnessOptions, type ParserName, simdjsonMissing } from '../support/harness.js';

const PARSERS: readonly ParserName[] = simdjsonMissing() ? ['scan', 'json'] : ['scan', 'json', 'simdjson'];
/** Everything of one connection; best quotes have connections of their own. */
const ONE_CONNECTION = ['trades', 'ticker', 'book', 'klines_1m', 'klines_5m', 'klines_1h', 'klines_1d'];

let kraken: Exchange;
before(async () => {
  kraken = await loadExchange('kraken');
});

function make(symbols: readonly string[], options: HarnessOptions = {}): Harness {
  return new Harness(kraken, symbols, { channels: ONE_CONNECTION, ...options });
}

/** Messages of v2; those of v1 are arrays or have an `event`. */
const isV2 = (raw: string) => /^\{"(channel|method)":/.test(raw);

type Texts = Record<string, unknown>;

const timeOf = (seconds: unknown, nanos: unknown) =>
  String(BigInt(Number(seconds)) * 1_000_000_000n + BigInt(Number(nanos)));

function literal(row: DecodedRow, name: string, position: number): string {
  return decimalText(
    row.values[`${name}_digits`] as bigint,
    (Number(row.values.scales) >>> (8 * position)) & 255,
  );
}

const flagged = (row: DecodedRow, mask: number) => (Number(row.values.flags) & mask) !== 0;

/** Rows of one message as the expectations put it: all levels of a book are one event. */
function eventsOf(rows: readonly DecodedRow[]): Texts[] {
  const events: Texts[] = [];
  let book: { bids: string[][]; asks: string[][] } | undefined;
  for (const row of rows) {
    const { values } = row;
    const time =
      values.nanos === undefined || flagged(row, flag('no_event_time'))
        ? null
        : timeOf(values.time, values.nanos);
    if (row.table === 'TRADES') {
      assert.equal(values.trade_price, Math.fround(Number(literal(row, 'price', 0))));
      assert.equal(values.trade_size, Math.fround(Number(literal(row, 'size', 1))));
      events.push({
        trade_id: String(values.trade_id),
        time_ns: timeOf(values.trade_time, values.trade_nanos),
        price: literal(row, 'price', 0),
        size: literal(row, 'size', 1),
        side: values.trade_side,
        is_snapshot: flagged(row, flag('replayed')),
      });
    } else if (row.table === 'MD') {
      events.push({
        time_ns: time,
        last_price: literal(row, 'price', 0),
        best_bid: literal(row, 'best_bid', 1),
        best_ask: literal(row, 'best_ask', 2),
        volume: literal(row, 'volume', 3),
        volume_24h: values.volume_24h,
        noSize: flagged(row, MD.missing.last_size),
      });
    } else if (row.table === 'BOOK') {
      book ??= { bids: [], asks: [] };
      const first = book.bids.length + book.asks.length === 0;
      assert.equal(flagged(row, flag('snapshot_start')), first && flagged(row, flag('snapshot')));
      const levels = Number(values.side) === BOOK_SIDE.bid ? book.bids : book.asks;
      if (Number(values.side) !== BOOK_SIDE.none)
        levels.push([literal(row, 'price', 0), literal(row, 'size', 1)]);
      assert.ok(flagged(row, BOOK.missing.seq));
      const last = flagged(row, flag('event_end'));
      assert.equal(flagged(row, BOOK.missing.checksum), !last);
      if (!last) continue;
      events.push({
        ...book,
        is_snapshot: flagged(row, flag('snapshot')),
        checksum: String(values.checksum),
        time_ns: time,
      });
      book = undefined;
    } else {
      events.push({
        interval: row.table,
        open_time_ns: timeOf(values.open_time, 0),
        numbers: ['open', 'high', 'low', 'close'].map((name, i) => literal(row, name, i)),
        volume: decimalText(values.volume_digits as bigint, Number(values.scales_high) & 255),
        trades: String(values.trades),
      });
    }
  }
  assert.equal(book, undefined, 'an event of a book has an end');
  return events;
}

/** A quantity of 0E0 has the digits 0. */
const levelTexts = (levels: unknown) => (levels as string[][]).map(([p, q]) => [p, q === '0E0' ? '0' : q]);

function expectedOf(e: Expected): Texts {
  switch (e.kind) {
    case 'trade': {
      const { trade_id, time_ns, price, size, is_snapshot } = e;
      return { trade_id, time_ns, price, size, side: e.side === 'buy' ? SIDE.buy : SIDE.sell, is_snapshot };
    }
    case 'ticker': {
      const { time_ns, last_price, best_bid, best_ask, volume } = e;
      return {
        time_ns,
        last_price,
        best_bid,
        best_ask,
        volume,
        volume_24h: Math.fround(Number(volume)),
        noSize: true,
      };
    }
    case 'book': {
      const { is_snapshot, checksum, time_ns } = e;
      return { bids: levelTexts(e.bids), asks: levelTexts(e.asks), is_snapshot, checksum, time_ns };
    }
    default: {
      const { open_time_ns, volume, trades } = e;
      const numbers = [e.open, e.high, e.low, e.close];
      return { interval: `KLINES_${e.interval}m`, open_time_ns, numbers, volume, trades };
    }
  }
}

describe('kraken recordings', () => {
  for (const parser of PARSERS) {
    it(`give the expected rows with parser = "${parser}"`, (t) => {
      let compared = 0;
      const without: string[] = [];
      for (const recording of recordings('kraken').filter((name) => !name.includes('/v1-'))) {
        const expected = readExpected(recording);
        const messages = readMessages(recording);
        const symbols = [...new Set(expected.map((e) => e.symbol))];
        const harness = make(symbols, { parser });
        messages.forEach(({ raw }, i) => {
          if (!isV2(raw)) return;
          harness.feed(raw);
          const events = expected.filter((e) => e.line === i + 1);
          const rows = harness.takeRows();
          if (rows.length === 0 && events.length > 0) {
            without.push(`${recording} ${i + 1}`);
            return;
          }
          for (const row of rows) assert.equal(symbols[row.stream], events[0].symbol);
          assert.deepEqual(eventsOf(rows), events.map(expectedOf), `${recording} line ${i + 1}`);
          compared += events.length;
        });
        assert.equal(harness.count('rejected'), 0, recording);
        assert.equal(harness.count('unknown_kind'), 0, recording);
        if (!recording.includes('snippets')) assert.deepEqual(harness.resyncs, [], recording);
      }
      // changes of books that single messages show without a snapshot that fits
      assert.deepEqual(without, ['kraken/snippets-a 11', 'kraken/snippets-a 32']);
      assert.ok(compared > 3600);
      t.diagnostic(`${compared} events compared`);
    });
  }

  it('have no event of a book whose checksum does not fit', (t) => {
    let events = 0;
    for (const recording of recordings('kraken').filter((name) => /v2-.*book/.test(name))) {
      const harness = make(['BTC/USD']);
      for (const { raw } of readMessages(recording)) {
        harness.feed(raw);
        for (const row of harness.takeRows()) {
          assert.ok(!flagged(row, flag('unsynced')), raw);
          if (flagged(row, flag('event_end'))) events++;
        }
      }
      assert.equal(harness.count('unsynced'), 0);
      assert.deepEqual(harness.gaps, []);
    }
    assert.equal(events, 3607);
    t.diagnostic(`${events} events of v2`);
  });

  it('have none in the older protocol, either, whose books are 1000 levels deep', (t) => {
    const books = new Map<string, LevelBook>();
    let events = 0;
    for (const e of readExpected('kraken/v1-cf-20210405-book1000')) {
      const book = books.get(e.symbol) ?? new LevelBook();
      books.set(e.symbol, book);
      if (e.is_snapshot === true) book.clear();
      for (const [side, levels] of [
        [BOOK_SIDE.ask, e.asks],
        [BOOK_SIDE.bid, e.bids],
      ] as const) {
        for (const [price, size] of levels as string[][]) {
          const bytes = Buffer.from(price + size);
          assert.ok(book.set(side, bytes, 0, price.length, price.length, bytes.length));
        }
      }
      book.trim(1000);
      if (e.checksum === undefined) continue;
      events++;
      assert.equal(String(krakenChecksum(book)), e.checksum, `line ${e.line}`);
    }
    assert.ok(events >= atLeast(14_400));
    t.diagnostic(`${events} events of v1 in ${books.size} books`);
  });
});
