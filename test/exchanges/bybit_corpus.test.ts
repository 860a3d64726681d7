/**
 * Bybit: every recorded message through every parser against the expectations of the corpus; tickers are merged and books
 * followed by a model of their own.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { loadExchange } from '../../src/exchanges/index.js';
import type { Exchange } from '../../src/feed/exchange.js';
import { KLINE_INTERVALS } from '../../src/schema/tables.js';
import { type Expected, readExpected, readMessages, recordings } from '../support/corpus.js';
import { Harness, type ParserName, simdjsonMissing } from '../support/harness.js';
import { describeRow, type Line } from '../support/market_rows.js';

const PARSERS: readonly ParserName[] = simdjsonMissing() ? ['scan', 'json'] : ['scan', 'json', 'simdjson'];
const INTERVALS: Readonly<Record<string, string>> = {
  '1': '1m', '3': '3m', '5': '5m', '15': '15m', '30': '30m', '60': '1h', '240': '4h', D: '1d',
}; // biome-ignore format: a table
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** What the rows of a recording have to be, worked out from its expectations alone. */
class Model {
  private readonly ids = new Set<string>();
  private readonly tickers = new Map<string, Record<string, unknown>>();
  private readonly books = new Map<string, number>();

  constructor(private readonly uuids: boolean) {}

  lines(e: Expected, topic: string): Line[] {
    if (e.kind === 'trade') return this.trade(e);
    if (e.kind === 'ticker') return this.ticker(e);
    if (e.kind === 'kline') return this.kline(e);
    return topic.startsWith('orderbook.1.') ? this.quotes(e) : this.book(e);
  }

  private trade(e: Expected): Line[] {
    const id = String(e.trade_id);
    const fits = this.uuids ? UUID.test(id) : /^\d+$/.test(id);
    if (!fits || this.ids.has(`${e.symbol} ${id}`)) return [];
    this.ids.add(`${e.symbol} ${id}`);
    return [
      {
        table: 'TRADES',
        symbol: e.symbol,
        id: id.replaceAll('-', ''),
        ...(this.uuids ? { seq: String(e.seq ?? 0) } : {}),
        time: String(e.time_ns),
        price: String(e.price),
        size: String(e.size),
        side: e.side === 'buy' ? 1 : 2,
      },
    ];
  }

  private ticker(e: Expected): Line[] {
    const ours = { price: e.last_price, bid: e.best_bid, ask: e.best_ask, volume: e.volume };
    const carried = Object.entries(ours).filter(([, value]) => value !== null);
    // spot knows whole tickers alone
    if (e.is_delta === true && !this.uuids) return [];
    const known = this.tickers.get(e.symbol);
    if (e.is_delta === true && (known === undefined || carried.length === 0)) return [];
    const merged =
      e.is_delta === true && known !== undefined ? { ...known, ...Object.fromEntries(carried) } : ours;
    this.tickers.set(e.symbol, merged);
    if (merged.price === null) return [];
    const texts = Object.fromEntries(Object.entries(merged).map(([name, value]) => [name, String(value)]));
    return [{ table: 'MD', symbol: e.symbol, time: String(e.time_ns), ...texts }];
  }

  private quotes(e: Expected): Line[] {
    if (e.is_snapshot !== true) return [];
    const [bid, bidSize] = (e.bids as string[][])[0] ?? ['null', 'null'];
    const [ask, askSize] = (e.asks as string[][])[0] ?? ['null', 'null'];
    const time = String(e.engine_time_ns ?? e.time_ns);
    return [{ table: 'BBO', symbol: e.symbol, time, u: String(e.seq), bid, bidSize, ask, askSize }];
  }

  private book(e: Expected): Line[] {
    const u = Number(e.seq);
    const last = this.books.get(e.symbol);
    const snapshot = e.is_snapshot === true || u === 1;
    if (!snapshot && (last === undefined || u <= last)) return [];
    if (!snapshot && last !== undefined && u > last + 1) {
      this.books.delete(e.symbol);
      return [];
    }
    this.books.set(e.symbol, u);
    const levels: (readonly (number | string)[])[] = [
      ...(e.bids as string[][]).map((level) => [1, ...level]),
      ...(e.asks as string[][]).map((level) => [2, ...level]),
    ];
    if (levels.length === 0 && snapshot) levels.push([0, 'null', 'null']);
    return levels.map(([side, price, size], i) => ({
      table: 'BOOK',
      symbol: e.symbol,
      time: String(e.engine_time_ns ?? e.time_ns),
      u: String(u),
      side,
      price,
      size,
      start: snapshot && i === 0,
      snapshot,
      end: i === levels.length - 1,
    }));
  }

  private kline(e: Expected): Line[] {
    const interval = INTERVALS[String(e.interval)] as keyof typeof KLINE_INTERVALS;
    if (interval === undefined) return [];
    const open = Number(BigInt(String(e.open_time_ns)) / 1_000_000_000n);
    const { high, low, close, volume, quote_volume } = e as unknown as Record<string, string>;
    return [
      {
        table: `KLINES_${interval}`,
        symbol: e.symbol,
        open_time: open,
        close_time: open + KLINE_INTERVALS[interval],
        open: String(e.open),
        high,
        low,
        close,
        volume,
        quote: quote_volume,
        closed: e.closed === true,
      },
    ];
  }
}

const exchanges: Record<string, Exchange> = {};
before(async () => {
  for (const id of ['bybit', 'bybit-linear']) exchanges[id] = await loadExchange(id);
});

describe('recorded messages', () => {
  for (const id of ['bybit', 'bybit-linear']) {
    it(`${id}: every row of every channel, in every parser`, (t) => {
      const counts: Record<string, number> = {};
      for (const parser of PARSERS) {
        for (const recording of recordings('bybit')) {
          // options are a product of their own, with other names of the same fields
          const expected = readExpected(recording).filter((e) => !/-[CP]$/.test(e.symbol));
          const symbols = [...new Set(expected.map((e) => e.symbol))];
          const harness = new Harness(exchanges[id], symbols, { parser });
          const model = new Model(id === 'bybit-linear');
          readMessages(recording).forEach(({ raw }, i) => {
            const topic = /"topic":"([^"]+)"/.exec(raw)?.[1] ?? '';
            harness.feed(raw);
            const rows = harness.takeRows().map((row) => describeRow(row, symbols, id === 'bybit-linear'));
            const lines = expected.filter((e) => e.line === i + 1).flatMap((e) => model.lines(e, topic));
            assert.deepEqual(rows, lines, `${recording} line ${i + 1} with ${parser}: ${raw.slice(0, 300)}`);
            for (const { table } of rows) counts[String(table)] = (counts[String(table)] ?? 0) + 1;
          });
        }
      }
      t.diagnostic(`rows compared: ${JSON.stringify(counts)}`);
      for (const table of ['TRADES', 'MD', 'BBO', 'BOOK', 'KLINES_1m']) assert.ok(counts[table] >= 20, table);
    });
  }
});
