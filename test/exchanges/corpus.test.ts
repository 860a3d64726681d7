/**
 * Every recorded message through all three parsers, row by row and column by column against the expectation of the
 * corpus, which was derived by a program that shares nothing with this one.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { loadExchange } from '../../src/exchanges/index.js';
import type { Exchange } from '../../src/feed/exchange.js';
import { type DecodedRow, decimalText, type Value } from '../../src/schema/codec.js';
import { FLAGS, flag } from '../../src/schema/flags.js';
import { BBO, MD, SIDE, TRADES } from '../../src/schema/tables.js';
import {
  atLeast,
  type Expected,
  readExpected,
  readMessages,
  recordings,
  sentByCoinbase,
} from '../support/corpus.js';
import { Harness, type ParserName, simdjsonMissing } from '../support/harness.js';

const PARSERS: readonly ParserName[] = ['scan', 'json', 'simdjson'];

/** Column values as text, so that one comparison shows every difference. */
function describeRow(row: DecodedRow, symbols: readonly string[]): Record<string, string> {
  const { values } = row;
  const scale = (position: number) => (Number(values.scales) >>> (8 * position)) & 255;
  const exact = (name: string, position: number) =>
    decimalText(values[`${name}_digits`] as bigint, scale(position));
  const base = { symbol: symbols[row.stream] };
  if (row.table === 'TRADES') {
    return {
      ...base,
      id: String(values.trade_id),
      time: time(values.trade_time, values.trade_nanos),
      price: exact('price', 0),
      size: exact('size', 1),
      price32: String(values.trade_price),
      size32: String(values.trade_size),
      side: String(values.trade_side),
      maker: Buffer.from(values.maker_order_id as Uint8Array).toString('hex'),
      taker: Buffer.from(values.taker_order_id as Uint8Array).toString('hex'),
    };
  }
  if (row.table === 'MD') {
    return {
      ...base,
      time: time(values.time, values.nanos),
      price: exact('price', 0),
      price32: String(values.price),
      bid: optional(row, 'best_bid', MD.missing.best_bid, exact('best_bid', 1)),
      ask: optional(row, 'best_ask', MD.missing.best_ask, exact('best_ask', 2)),
      last_size: String(values.last_size),
      volume_24h: String(values.volume_24h),
    };
  }
  return {
    ...base,
    time: Number(values.flags) & flag('no_event_time') ? 'null' : time(values.time, values.nanos),
    update: String(values.update_id),
    bid: optional(row, 'best_bid', BBO.missing.best_bid, exact('best_bid', 0)),
    bid_size: exact('best_bid_size', 1),
    ask: optional(row, 'best_ask', BBO.missing.best_ask, exact('best_ask', 2)),
    ask_size: exact('best_ask_size', 3),
  };
}

function time(seconds: Value, nanos: Value): string {
  return String(BigInt(Number(seconds)) * 1_000_000_000n + BigInt(Number(nanos)));
}

function optional(row: DecodedRow, name: string, missing: number, literal: string): string {
  if ((Number(row.values.flags) & missing) !== 0) {
    assert.ok(Number.isNaN(row.values[name]), `${name} is NaN when it is missing`);
    return 'null';
  }
  assert.equal(row.values[name], Math.fround(Number(literal)), `${name} as f32`);
  return literal;
}

const f32 = (literal: unknown) => (literal == null ? 'NaN' : String(Math.fround(Number(literal))));
const uuidHex = (id: unknown) => (typeof id === 'string' ? id.replaceAll('-', '') : undefined);
const numericHex = (id: unknown) =>
  typeof id === 'string' ? BigInt(id).toString(16).padStart(32, '0') : undefined;
const NO_ID = '0'.repeat(32);

function describeExpected(e: Expected): Record<string, string> {
  if (e.kind === 'trade') {
    const buyer = numericHex(e.buyer_order_id);
    const seller = numericHex(e.seller_order_id);
    const takerBuys = e.side === 'buy';
    return {
      symbol: e.symbol,
      id: String(e.trade_id),
      time: String(e.time_ns),
      price: String(e.price),
      size: String(e.size),
      price32: f32(e.price),
      size32: f32(e.size),
      side: String(takerBuys ? SIDE.buy : SIDE.sell),
      maker: uuidHex(e.maker_order_id) ?? (takerBuys ? seller : buyer) ?? NO_ID,
      taker: uuidHex(e.taker_order_id) ?? (takerBuys ? buyer : seller) ?? NO_ID,
    };
  }
  if (e.channel === 'bookTicker') {
    return {
      symbol: e.symbol,
      time: String(e.time_ns),
      update: String(e.seq),
      bid: String(e.best_bid),
      bid_size: String(e.best_bid_size),
      ask: String(e.best_ask),
      ask_size: String(e.best_ask_size),
    };
  }
  return {
    symbol: e.symbol,
    time: String(e.time_ns),
    price: String(e.last_price),
    price32: f32(e.last_price),
    bid: String(e.best_bid),
    ask: String(e.best_ask),
    last_size: f32(e.last_size),
    volume_24h: f32(e.volume),
  };
}

/** The channels of this program: trades, ticker and best quotes; a trade that is repeated is stored once. */
function wantedEvents(expected: readonly Expected[]): Map<number, Expected[]> {
  const seen = new Set<string>();
  const byLine = new Map<number, Expected[]>();
  for (const e of expected) {
    if ((e.kind !== 'trade' && e.kind !== 'ticker') || e.agg === true) continue;
    if (e.kind === 'trade') {
      const key = `${e.symbol} ${e.trade_id}`;
      if (seen.has(key)) continue;
      seen.add(key);
    }
    byLine.set(e.line, [...(byLine.get(e.line) ?? []), e]);
  }
  return byLine;
}

/** Trades of one message are stored in the order of their ids, whatever the order on the wire. */
function inStoredOrder(events: readonly Expected[]): Expected[] {
  return [...events].sort((a, b) =>
    a.kind === 'trade' && b.kind === 'trade'
      ? Number(BigInt(a.trade_id as string) - BigInt(b.trade_id as string))
      : 0,
  );
}

function checkRecording(exchange: Exchange, recording: string, parser: ParserName): number {
  const messages = readMessages(recording);
  const expected = readExpected(recording);
  const symbols = [...new Set(expected.map((e) => e.symbol))];
  const channels = ['trades', 'ticker', 'bbo'].filter((name) => name in exchange.channels);
  const harness = new Harness(exchange, symbols, { parser, channels });
  const wanted = wantedEvents(expected);
  let compared = 0;
  messages.forEach(({ raw }, i) => {
    if (exchange.id.startsWith('coinbase') && sentByCoinbase(raw) !== exchange.id) return;
    harness.feed(raw);
    const rows = harness.takeRows().map((row) => describeRow(row, symbols));
    const events = inStoredOrder(wanted.get(i + 1) ?? []).map(describeExpected);
    if (rows.length > 0 || events.length > 0)
      assert.deepEqual(rows, events, `${recording} line ${i + 1} with ${parser}`);
    compared += rows.length;
  });
  assert.equal(harness.count('rejected'), 0, 'nothing of a recording is refused');
  return compared;
}

describe('corpus', () => {
  for (const [id, folder] of [
    ['coinbase', 'coinbase'],
    ['coinbase-advanced', 'coinbase'],
    ['binance', 'binance-spot'],
    ['binance-futures', 'binance-futures'],
  ]) {
    describe(id, () => {
      let exchange: Exchange;
      before(async () => {
        exchange = await loadExchange(id);
      });
      for (const parser of PARSERS) {
        it(`gives the expected rows with parser = "${parser}"`, {
          skip: parser === 'simdjson' && simdjsonMissing(),
        }, (t) => {
          let rows = 0;
          for (const recording of recordings(folder)) rows += checkRecording(exchange, recording, parser);
          t.diagnostic(`${rows} rows compared`);
          assert.ok(rows >= atLeast(140), 'the recordings hold rows');
        });
      }
    });
  }

  it('knows every flag bit it sets', () => {
    assert.equal(new Set(Object.values(FLAGS).map((f) => f.bit)).size, Object.keys(FLAGS).length);
    assert.ok(TRADES.missing.maker_order_id >>> 16 > 0);
  });
});
