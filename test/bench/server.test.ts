/**
 * The benchmark's server, seen by the `ws` package, JSON.parse and the parser of the logger: its frames are whole, every
 * number in them is what the server counts, ids have no gap, and times are those of the sending or of the schedule.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { WebSocket } from 'ws';
import { symbolsOf } from '../../bench/baselines/amounts.js';
import { clockUs } from '../../bench/clock.js';
import { FIRST_ID } from '../../bench/server/block.js';
import { BenchServer, type Sent, type Wait } from '../../bench/server/server.js';
import { TEMPLATES } from '../../bench/server/templates.js';
import { loadExchange } from '../../src/exchanges/index.js';
import { RESULT } from '../../src/feed/rows/result.js';
import type { Channel } from '../../src/simulator/market/channels.js';
import { readFixtures } from '../support/fixtures.js';
import { Harness } from '../support/harness.js';

const SYMBOLS = 3;
const SIZE_UNITS = 1e8;
/** Longer than the blocks of a connection, so that every frame is used again. */
const MESSAGES = 12_000;

const closing: (() => void)[] = [];
after(() => {
  for (const close of closing) close();
});

interface Received {
  readonly texts: string[];
  readonly sent: Sent;
  readonly fromUs: number;
  readonly toUs: number;
}

/** What a message may differ by from the clock of this process: times are cut to milliseconds. */
const CUT_US = 1000;

/** What a client gets that has subscribed to a channel. */
async function receive(
  exchangeId: string,
  channel: Channel,
  messages: number,
  { rate, tls = false }: { rate?: number; tls?: boolean } = {},
): Promise<Received> {
  const server = new BenchServer({ exchange: exchangeId, symbols: SYMBOLS, tls });
  const { ws, ca } = await server.listen();
  const exchange = await loadExchange(exchangeId);
  const url = exchange.websocketUrl(ws, exchange.channels[channel].route);
  const socket = new WebSocket(url, ca === undefined ? {} : { ca: readFileSync(ca) });
  closing.push(() => {
    socket.terminate();
    server.close();
  });
  const texts: string[] = [];
  const subscribed = new Promise<void>((resolve) => {
    server.onSubscriptions = (_, streams) => streams === SYMBOLS && resolve();
  });
  await once(socket, 'open');
  const wanted = symbolsOf(exchangeId, SYMBOLS).map((native) => ({ channel, native }));
  for (const { text } of exchange.subscribe(wanted, 1)) socket.send(text);
  await subscribed;
  const complete = new Promise<void>((resolve) => {
    socket.on('message', (data) => {
      const text = String(data);
      // a heartbeat carries the id of the newest trade
      if (!text.includes(String(FIRST_ID).slice(0, 5)) || text.includes('"heartbeat"')) return;
      texts.push(text);
      if (texts.length === messages) resolve();
    });
  });
  const fromUs = clockUs();
  const sent = await server.send(messages, rate);
  await complete;
  socket.terminate();
  server.close();
  return { texts, sent, fromUs, toUs: clockUs() };
}

interface Trade {
  readonly symbol: string;
  readonly id: number;
  readonly size: number;
  readonly timeUs: number;
}

/** Reads the trade in a message, by the exchange's own names; of ids the part that counts up. */
function tradeReader(id: string): (text: string) => Trade {
  const { trade } = readFixtures(id);
  const textAt = (text: string, name: string) => new RegExp(`"${name}":"?([^",}]+)`).exec(text)?.[1] ?? '';
  return (text) => ({
    symbol: textAt(text, trade.symbol),
    id: Number(BigInt(textAt(text, trade.id)) % 10_000_000_000n),
    size: Number(textAt(text, trade.size)),
    timeUs: microsOf(textAt(text, trade.time)),
  });
}

/** Milliseconds, or a date with six decimals of its second. */
function microsOf(time: string): number {
  return /^\d+$/.test(time) ? Number(time) * 1000 : Date.parse(time) * 1000 + Number(time.slice(23, 26));
}

const TRADES_OF = Object.fromEntries(Object.keys(TEMPLATES).map((id) => [id, tradeReader(id)]));

/** Messages and sum of sizes by symbol, counted anew; ids without a gap from the first on. */
function countOf(trades: readonly Trade[]): Sent['symbols'] {
  const symbols: Record<string, { messages: number; size: number }> = {};
  for (const { symbol, id, size } of trades) {
    const before = symbols[symbol] ?? { messages: 0, size: 0 };
    assert.equal(id, FIRST_ID + before.messages, symbol);
    symbols[symbol] = {
      messages: before.messages + 1,
      size: before.size + Math.round(size * SIZE_UNITS),
    };
  }
  return symbols;
}

for (const exchange of Object.keys(TEMPLATES)) {
  test(`${exchange}: every trade that is counted is on the wire, once, with its size`, async () => {
    const { texts, sent, fromUs, toUs } = await receive(exchange, 'trades', MESSAGES);
    const trades = texts.map(TRADES_OF[exchange]);
    assert.deepEqual(countOf(trades), sent.symbols);
    assert.equal(sent.messages, MESSAGES);
    assert.ok(trades.every(({ timeUs }) => timeUs > fromUs - CUT_US && timeUs <= toUs));
    // digits that do not change would make every message the same for a parser
    assert.ok(new Set(trades.map(({ size }) => size)).size > 50);
  });
}

for (const [id, channels] of Object.entries(TEMPLATES)) {
  for (const channel of Object.keys(channels) as Channel[]) {
    test(`${id} ${channel}: the logger reads every message by its fast path`, async () => {
      const { texts } = await receive(id, channel, 500);
      const harness = new Harness(await loadExchange(id), symbolsOf(id, SYMBOLS), {
        channels: [channel],
        receivedSeconds: Math.floor(Date.now() / 1000),
      });
      for (const text of texts) assert.equal(harness.feed(text), RESULT.rows, text);
      assert.equal(harness.takeRows().length, texts.length);
      assert.equal(harness.count('slow_path'), 0);
      assert.equal(harness.gaps.length, 0);
    });
  }
}

test('over TLS the frames are the same', async () => {
  const { texts, sent } = await receive('binance', 'trades', MESSAGES, { tls: true });
  assert.deepEqual(countOf(texts.map(TRADES_OF['binance'])), sent.symbols);
});

/** Opens a connection for each symbol; what came over each in the order of the connections. */
async function receiveApart(rate: number, messages: number, wait: Wait): Promise<string[][]> {
  const server = new BenchServer({ exchange: 'coinbase', symbols: SYMBOLS, tls: false });
  const { ws } = await server.listen();
  const exchange = await loadExchange('coinbase');
  const texts: string[][] = [];
  let streams = 0;
  let changed = () => {};
  server.onSubscriptions = (_, count) => {
    streams = count;
    changed();
  };
  for (const native of symbolsOf('coinbase', SYMBOLS)) {
    const socket = new WebSocket(exchange.websocketUrl(ws, undefined));
    closing.push(() => socket.terminate());
    const own: string[] = [];
    texts.push(own);
    socket.on('message', (data) => {
      if (String(data).startsWith('{"type":"match"')) own.push(String(data));
      changed();
    });
    await once(socket, 'open');
    for (const { text } of exchange.subscribe([{ channel: 'trades', native }], 1)) socket.send(text);
    while (streams < texts.length) await new Promise<void>((resolve) => (changed = resolve));
  }
  await server.send(messages, rate, wait);
  while (texts.flat().length < messages) await new Promise<void>((resolve) => (changed = resolve));
  server.close();
  return texts;
}

for (const wait of ['asleep', 'awake'] as const) {
  test(`${wait}, every message has its own time and the connection behind that of the one before`, async () => {
    const rate = 2000;
    const texts = await receiveApart(rate, 300, wait);
    const sent = texts
      .flatMap((own, connection) =>
        own.map((text) => ({ connection, timeUs: TRADES_OF['coinbase'](text).timeUs })),
      )
      .sort((a, b) => a.timeUs - b.timeUs);
    for (const [i, { connection, timeUs }] of sent.entries()) {
      assert.equal(connection, i % SYMBOLS, `message ${i}`);
      assert.ok(Math.abs(timeUs - sent[0].timeUs - (i * 1e6) / rate) <= 1, `message ${i}`);
    }
  });
}

test('more messages than fit into ticks are spread over the connections all the same', async () => {
  // 3.2 in each tick of 100 µs
  const texts = await receiveApart(32_000, 600, 'awake');
  assert.deepEqual(
    texts.map((own) => own.length),
    Array<number>(SYMBOLS).fill(600 / SYMBOLS),
  );
});

test('on a schedule every message carries the microsecond it was due at', async () => {
  const rate = 3000;
  const messages = 900;
  const { texts, sent } = await receive('coinbase', 'trades', messages, { rate });
  const times = texts.map((text) => TRADES_OF['coinbase'](text).timeUs);
  // evenly, whenever they were sent, but for the tenths of a millisecond in which they are due
  for (const [i, timeUs] of times.entries())
    assert.ok(Math.abs(timeUs - times[0] - (i * 1e6) / rate) <= 101, `message ${i}`);
  assert.equal(sent.late.count, messages);
});
