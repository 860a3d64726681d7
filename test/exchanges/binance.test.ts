/**
 * Binance spot and USD-M futures: every recorded change of a book, aggregate and candle through all three parsers, the
 * recorded REST snapshots in the middle of the streams they belong to, and what makes a book incomplete.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadExchange } from '../../src/exchanges/index.js';
import type { Exchange } from '../../src/feed/exchange.js';
import { parseKeepingText } from '../../src/feed/json/document.js';
import { RESULT } from '../../src/feed/rows/result.js';
import { type DecodedRow, decimalText } from '../../src/schema/codec.js';
import { flag } from '../../src/schema/flags.js';
import { BOOK, KLINES } from '../../src/schema/tables.js';
import { atLeast, type Expected, readExpected, readMessages, recordings } from '../support/corpus.js';
import { Harness, type ParserName, simdjsonMissing } from '../support/harness.js';

const PARSERS: readonly ParserName[] = simdjsonMissing() ? ['scan', 'json'] : ['scan', 'json', 'simdjson'];
const VENUES = [
  { exchange: await loadExchange('binance'), folder: 'binance-spot' },
  { exchange: await loadExchange('binance-futures'), folder: 'binance-futures' },
];

const has = (row: DecodedRow, mask: number) => (Number(row.values.flags) & mask) !== 0;

function sent(row: DecodedRow, name: string, position: number, column = name): string {
  const scales = Number(position < 4 ? row.values.scales : row.values.scales_high);
  const literal = decimalText(
    row.values[`${name}_digits`] as bigint,
    (scales >>> (8 * (position % 4))) & 255,
  );
  assert.equal(row.values[column], Math.fround(Number(literal)), `${column} as f32`);
  return literal;
}

function nanos(seconds: unknown, rest: unknown): string {
  return String(BigInt(Number(seconds)) * 1_000_000_000n + BigInt(Number(rest)));
}

/** Rows of one event of a book in the words of the corpus; checks the flags that hold an event together. */
function bookEvent(rows: readonly DecodedRow[], symbols: readonly string[]) {
  const [first] = rows;
  const snapshot = has(first, flag('snapshot'));
  rows.forEach((row, i) => {
    assert.equal(has(row, flag('snapshot')), snapshot);
    assert.equal(has(row, flag('snapshot_start')), snapshot && i === 0);
    assert.equal(has(row, flag('event_end')), i === rows.length - 1);
    assert.ok(has(row, BOOK.missing.checksum));
    assert.equal(row.values.seq, first.values.seq);
  });
  const side = (which: number) =>
    rows
      .filter((row) => row.values.side === which)
      .map((row) => [sent(row, 'price', 0), sent(row, 'size', 1)]);
  const empty = has(first, BOOK.missing.price);
  return {
    symbol: symbols[first.stream],
    is_snapshot: snapshot,
    bids: empty ? [] : side(1),
    asks: empty ? [] : side(2),
    time_ns: has(first, flag('no_event_time')) ? null : nanos(first.values.time, first.values.nanos),
    seq: String(first.values.seq),
  };
}

function describeRow(row: DecodedRow, symbols: readonly string[]) {
  const { values } = row;
  const symbol = symbols[row.stream];
  if (row.table === 'AGG_TRADES')
    return {
      symbol,
      trade_id: String(values.trade_id),
      first_trade_id: String(values.first_trade_id),
      last_trade_id: String(values.last_trade_id),
      price: sent(row, 'price', 0, 'trade_price'),
      size: sent(row, 'size', 1, 'trade_size'),
      side: ['unknown', 'buy', 'sell'][Number(values.trade_side)],
      time_ns: nanos(values.trade_time, values.trade_nanos),
    };
  assert.ok(row.table.startsWith('KLINES_'));
  return {
    symbol,
    interval: row.table.slice('KLINES_'.length),
    open_time_ns: nanos(values.open_time, 0),
    // the corpus has the last millisecond of the candle, the column the first second behind it
    close_time_ns: String(BigInt(nanos(values.close_time, 0)) - 1_000_000n),
    ...Object.fromEntries(
      ['open', 'high', 'low', 'close', 'volume', 'quote_volume'].map((name, i) => [name, sent(row, name, i)]),
    ),
    trades: String(values.trades),
    closed: has(row, flag('closed')),
  };
}

/** The members of `event` that `like` has, too. */
function likewise(event: Expected, like: object): Record<string, unknown> {
  return Object.fromEntries(Object.keys(like).map((key) => [key, event[key]]));
}

/** Single messages from here and there, whose ids repeat. */
const isLoose = (recording: string) => recording.includes('snippets');

/** Lets a change of a book stand alone: a snapshot in front of it that is empty. */
function completeBefore(harness: Harness, event: Expected): void {
  const before = event.prev_seq ?? String(BigInt(event.first_seq as string) - 1n);
  // a book that broke asks after a while
  const slot = harness.streams.slotOf(event.symbol);
  if (harness.requests.length === 0) harness.parser.resync?.(slot);
  assert.equal(harness.requests.splice(0).length, 1);
  const snapshot = `{"lastUpdateId":${before === '-1' ? 0 : before},"bids":[],"asks":[]}`;
  harness.respond(slot, parseKeepingText(snapshot));
}

function checkBooks(exchange: Exchange, recording: string, parser: ParserName, partial: boolean): number {
  const messages = readMessages(recording);
  const events = readExpected(recording).filter((e) => e.kind === 'book' && e.is_snapshot === partial);
  const symbols = [...new Set(events.map((e) => e.symbol))];
  if (symbols.length === 0) return 0;
  const make = () => new Harness(exchange, symbols, { parser, channels: [partial ? 'book20' : 'book'] });
  let harness = make();
  for (const event of events) {
    if (isLoose(recording)) harness = make();
    const result = harness.feed(messages[event.line - 1].raw);
    if (result === RESULT.buffered) completeBefore(harness, event);
    assert.equal(harness.count('rejected'), 0);
    // the empty snapshot in front
    const rows = harness.takeRows().filter((row) => partial || !has(row, flag('snapshot')));
    const seen = bookEvent(rows, symbols);
    assert.deepEqual(seen, likewise(event, seen), `${recording} line ${event.line} with ${parser}`);
  }
  return events.length;
}

function checkRest(exchange: Exchange, recording: string, parser: ParserName): number {
  const messages = readMessages(recording);
  const stored = (e: Expected) => e.agg === true || (e.kind === 'kline' && (e.interval as string) in KLINES);
  const events = readExpected(recording).filter(stored);
  const symbols = [...new Set(events.map((e) => e.symbol))];
  if (symbols.length === 0) return 0;
  const channels = Object.keys(exchange.channels).filter((name) => /^(agg_trades|klines_)/.test(name));
  const make = () => new Harness(exchange, symbols, { parser, channels });
  let harness = make();
  for (const event of events) {
    if (isLoose(recording)) harness = make();
    harness.feed(messages[event.line - 1].raw);
    const [row, ...more] = harness.takeRows();
    assert.deepEqual(more, []);
    const seen = describeRow(row, symbols);
    const wanted = likewise(event, seen);
    // samples of the documentation end where no candle does
    if (Number(event.close_time_ns) % 1e9 === 0) wanted.close_time_ns = (seen as typeof wanted).close_time_ns;
    assert.deepEqual(seen, wanted, `${recording} line ${event.line} with ${parser}`);
  }
  return events.length;
}

describe('recorded messages', () => {
  for (const { exchange, folder } of VENUES) {
    for (const parser of PARSERS) {
      it(`${exchange.id}: every event of a book with parser = "${parser}"`, (t) => {
        let compared = 0;
        // the long ones hold the same kinds of messages
        const chosen = recordings(folder).filter((name) => parser === 'scan' || !name.startsWith('large'));
        for (const recording of chosen) {
          compared += checkBooks(exchange, recording, parser, false);
          compared += checkBooks(exchange, recording, parser, true);
        }
        assert.ok(compared >= atLeast(parser === 'scan' ? 14_000 : 8_000));
        t.diagnostic(`${compared} events compared`);
      });
      it(`${exchange.id}: every aggregate and candle with parser = "${parser}"`, (t) => {
        let compared = 0;
        for (const recording of recordings(folder)) compared += checkRest(exchange, recording, parser);
        assert.ok(compared >= atLeast(500));
        t.diagnostic(`${compared} rows compared`);
      });
    }
  }
});
