/**
 * A whole shard, in this thread, against a real `ws` server: from subscribing to rows in the ring, with cuts, garbage
 * and a ring that is full.
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import type { WebSocket } from 'ws';
import { CounterReader, createCounters } from '../../src/counters/counters.js';
import { SESSION_COUNTERS, SHARD, SHARD_COUNTERS } from '../../src/counters/declarations.js';
import { createHistogram, quantiles } from '../../src/counters/histogram.js';
import { loadExchange } from '../../src/exchanges/index.js';
import { createGate } from '../../src/feed/connection/host_gate.js';
import { createPacing } from '../../src/feed/connection/pacing.js';
import type { StreamSpec } from '../../src/feed/rows/streams.js';
import type { SessionInit } from '../../src/feed/session_init.js';
import { Shard, type ShardReport } from '../../src/feed/shard.js';
import { RingConsumer } from '../../src/ring/consumer.js';
import { createDoorbell, createRing } from '../../src/ring/layout.js';
import { type DecodedRow, decodeRecords } from '../../src/schema/codec.js';
import { type FlagName, flag } from '../../src/schema/flags.js';
import { PADDING_TABLE_ID, recordTableId, recordWords } from '../../src/schema/layout.js';
import { GAP_CAUSES } from '../../src/schema/tables.js';
import { DEFAULT_RULES } from '../support/harness.js';
import { test, until } from './connection/websocket/helpers.js';
import { wsServer } from './connection/websocket/servers.js';

function spec(stream: number, native: string, lastTradeId = ''): StreamSpec {
  const lastReceived: StreamSpec['lastReceived'] = lastTradeId === '' ? {} : { TRADES: [1000, 0] };
  return {
    stream,
    exchange: 'coinbase',
    native,
    symbol: native,
    directory: native,
    lastTradeId,
    recentTradeIds: [],
    unlistedIds: [],
    lastReceived,
    resumedAfter: 'downtime',
  };
}

const match = (id: number, product = 'BTC-USD', time = new Date().toISOString()) =>
  `{"type":"match","trade_id":${id},"side":"buy","size":"0.5","price":"100.25","product_id":"${product}","time":"${time}"}`;

const NAME = { exchange: 'coinbase', session: 0 };

class Rig {
  readonly sockets: WebSocket[] = [];
  readonly closes: number[] = [];
  /** subscribe and unsubscribe messages that the exchange has received */
  requests = 0;
  readonly reports: ShardReport[] = [];
  readonly rows: DecodedRow[] = [];
  readonly latency = createHistogram();
  readonly turns = new Uint32Array(createCounters(SHARD_COUNTERS));
  private readonly consumer: RingConsumer;
  private readonly reader;
  private readonly channel = new MessageChannel();

  private constructor(
    readonly init: SessionInit,
    readonly ring: SharedArrayBuffer,
    readonly url: string,
  ) {
    this.consumer = new RingConsumer(ring);
    this.reader = new CounterReader(SESSION_COUNTERS, init.counters);
  }

  static async start(
    t: TestContext,
    streams: readonly StreamSpec[],
    ringWords = 1 << 18,
    changes: Partial<SessionInit> = {},
  ): Promise<Rig> {
    const holder: { rig?: Rig } = {};
    const url = await wsServer(t, (socket) => {
      const rig = holder.rig as Rig;
      rig.sockets.push(socket);
      socket.on('close', (code) => rig.closes.push(code));
      socket.on('message', (data) => {
        rig.requests++;
        const { product_ids, channels } = JSON.parse(data.toString()) as {
          product_ids: string[];
          channels: string[];
        };
        socket.send(
          JSON.stringify({
            type: 'subscriptions',
            channels: channels.map((name) => ({ name, product_ids })),
          }),
        );
      });
    });
    const requests = createPacing();
    const rest = { endpoint: 'http://127.0.0.1:1', ca: undefined, gate: createGate(), requests };
    const rig = new Rig(
      {
        session: 0,
        exchange: 'coinbase',
        streams,
        channels: ['trades', 'ticker'],
        parser: 'scan',
        clockSkewSecondsMax: 86_400,
        rules: DEFAULT_RULES,
        connection: {
          endpoint: url,
          frameBytesMax: 1 << 20,
          messageTimeoutMs: 60_000,
          firstRetryMs: 20,
          longestRetryMs: 50,
          ackTimeoutMs: 10_000,
        },
        redundancy: 1,
        connectionSecsMax: 0,
        counters: createCounters(SESSION_COUNTERS),
        latency: createHistogram(),
        connects: createPacing(),
        rest,
        history: rest,
        otherRoutes: [],
        candles: [],
        ...changes,
      },
      createRing(ringWords),
      url,
    );
    holder.rig = rig;
    rig.channel.port2.on('message', (report: ShardReport) => rig.reports.push(report));
    t.after(() => rig.stop());
    const init = {
      shard: 0,
      ring: rig.ring,
      doorbell: createDoorbell(),
      counters: rig.turns.buffer,
      sessions: [rig.init],
    };
    const shard = new Shard(init, rig.channel.port1, loadExchange);
    for (const session of init.sessions) await shard.open(session);
    await rig.connected(1);
    return rig;
  }

  send(command: object): void {
    this.channel.port2.postMessage(command);
  }

  counters() {
    return this.reader.read();
  }

  /** Waits until so many connections have been made and the newest one is confirmed. */
  connected(times: number): Promise<void> {
    const wanted = this.init.streams.length * 2;
    return until(() => {
      const { connects, state, confirmed } = this.counters();
      return connects >= times && state === 4 && confirmed >= wanted;
    });
  }

  get socket(): WebSocket {
    return this.sockets.at(-1) as WebSocket;
  }

  /** Takes what is in the ring, or the first records of it that make up `wordsMax` words. */
  drain(wordsMax = Number.POSITIVE_INFINITY): void {
    const { u32 } = this.consumer;
    let left = wordsMax;
    for (let words = this.consumer.take(); words > 0 && left > 0; words = this.consumer.take()) {
      const { start } = this.consumer;
      let end = start;
      while (end < start + words && end - start < left)
        end = recordTableId(u32[end]) === PADDING_TABLE_ID ? start + words : end + recordWords(u32[end]);
      const records = decodeRecords(u32, start, end);
      this.rows.push(...records.filter((record): record is DecodedRow => record.table !== 'TEXT'));
      this.consumer.release(end - start);
      left -= end - start;
    }
  }

  of(table: string): DecodedRow[] {
    this.drain();
    return this.rows.filter((row) => row.table === table);
  }

  ids(): number[] {
    return this.of('TRADES').map((row) => Number(row.values.trade_id));
  }

  /** GAPS as `cause from-to`. */
  gaps(): string[] {
    const causes = Object.entries(GAP_CAUSES);
    return this.of('GAPS').map(({ values }) => {
      const [cause] = causes.find(([, { id }]) => id === values.cause) ?? ['?'];
      return `${cause} ${values.from_id}-${values.to_id}`;
    });
  }

  async stop(): Promise<void> {
    if (this.reports.some((report) => report.kind === 'stopped')) return;
    this.send({ kind: 'stop' });
    await until(() => this.reports.some((report) => report.kind === 'stopped'));
    this.channel.port2.close();
  }
}

test('turns messages into rows, counts them, and ends with a close handshake', async (t) => {
  const rig = await Rig.start(t, [spec(7, 'BTC-USD'), spec(8, 'ETH-USD')]);
  for (let id = 1; id <= 500; id++)
    rig.socket.send(
      match(id, id % 2 === 0 ? 'ETH-USD' : 'BTC-USD').replace(String(id), String(Math.ceil(id / 2))),
    );
  await until(() => rig.of('TRADES').length === 500);
  assert.deepEqual([...new Set(rig.rows.map((row) => row.stream))].sort(), [7, 8]);
  await until(() => rig.counters().rows === 500);
  const { messages, rejected, gaps, bytes, control } = rig.counters();
  assert.deepEqual([messages, rejected, gaps, control], [501, 0, 0, 1]);
  assert.ok(bytes > 500 * 100);
  await until(() => rig.counters().silent === 0);
  // what ends a full chunk is read by no template, and neither are the acknowledgement and the first trade
  await until(() => rig.counters().template_hits + rig.counters().template_misses === messages);
  assert.ok(rig.counters().template_hits > 0 && rig.counters().template_misses >= 2);
  assert.ok(quantiles([rig.init.latency]).count >= 500);
  await rig.stop();
  await until(() => rig.closes.length === 1);
  assert.deepEqual(rig.closes, [1000]);
});

test('every chunk is a turn: a shard that is at work does not look as if it hangs', async (t) => {
  const rig = await Rig.start(t, [spec(7, 'BTC-USD')]);
  const before = rig.turns[SHARD.heartbeat];
  for (let id = 1; id <= 50; id++) {
    rig.socket.send(match(id));
    await until(() => rig.counters().messages === id + 1);
  }
  assert.ok(rig.turns[SHARD.heartbeat] - before >= 50);
});

test('reports what a cut and a downtime have cost', async (t) => {
  const rig = await Rig.start(t, [spec(0, 'BTC-USD', '90')]);
  rig.socket.send(match(95));
  rig.socket.send(match(96));
  await until(() => rig.ids().length === 2);
  rig.socket.terminate();
  await rig.connected(2);
  rig.socket.send(match(96));
  rig.socket.send(match(100));
  await until(() => rig.ids().length === 3);
  await rig.stop();
  assert.deepEqual(rig.ids(), [95, 96, 100]);
  assert.deepEqual(rig.gaps(), ['downtime 91-94', 'disconnect 97-99']);
  assert.deepEqual([rig.counters().duplicates, rig.counters().missing], [1, 7]);
});

test('closes with 1007 over text that is not UTF-8, and comes back', async (t) => {
  const rig = await Rig.start(t, [spec(0, 'BTC-USD')]);
  rig.socket.send(match(1));
  rig.socket.send(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), { binary: false });
  await rig.connected(2);
  await until(() => rig.closes.length === 1);
  assert.deepEqual([rig.closes, rig.counters().rejected, rig.ids()], [[1007], 1, [1]]);
});

test('a refused message casts suspicion on the stream that it names, else on all', async (t) => {
  const rig = await Rig.start(t, [spec(0, 'BTC-USD'), spec(1, 'ETH-USD')]);
  const trades = (id: number) => ['BTC-USD', 'ETH-USD'].map((product) => match(id, product));
  const ticker = '{"type":"ticker","product_id":"ETH-USD","price":"x","time":"2027-01-15T08:00:00Z"}';
  const messages = [
    ...trades(1),
    match(2, 'BTC-USD').replace('100.25', 'x'),
    ticker,
    ...trades(3),
    match(4, 'BTC-USD').slice(0, -20),
    ...trades(5),
    ...trades(7),
  ];
  for (const message of messages) rig.socket.send(message);
  await until(() => rig.ids().length === 8);
  await rig.stop();
  const gapsOf = (stream: number) => rig.gaps().filter((_, n) => rig.of('GAPS')[n].stream === stream);
  assert.deepEqual(gapsOf(0), ['malformed 2-2', 'malformed 4-4', 'unknown 6-6']);
  assert.deepEqual(gapsOf(1), ['unknown 2-2', 'malformed 4-4', 'unknown 6-6']);
});

test('lists what breaks a rule and is set aside, and names the symbol of which too much does', async (t) => {
  const rules = { setsAside: true, jumpPercentMax: 0, breakerPercent: 20, breakerRows: 10 };
  const rig = await Rig.start(t, [spec(0, 'BTC-USD')], 1 << 18, { rules });
  const failing = () => rig.reports.flatMap((report) => (report.kind === 'failing' ? [report.natives] : []));
  rig.send({ kind: 'change', ...NAME, added: [spec(1, 'ETH-USD')], removed: [] });
  await until(() => rig.reports.some(({ kind }) => kind === 'changed'));
  const bad = (id: number) => match(id, 'ETH-USD').replace('100.25', '0');
  for (const message of [match(1, 'ETH-USD'), bad(2), match(3, 'ETH-USD')]) rig.socket.send(message);
  await until(() => rig.ids().length === 2);
  for (const message of [bad(4), bad(5), bad(6)]) rig.socket.send(message);
  await until(() => failing().length === 1);
  assert.deepEqual(failing(), [['ETH-USD']]);
  for (let id = 7; id <= 30; id++) rig.socket.send(match(id, 'ETH-USD'));
  await until(() => failing().length === 2);
  assert.deepEqual(failing().at(-1), []);
  await rig.stop();
  assert.deepEqual(rig.ids().slice(0, 5), [1, 3, 5, 6, 7]);
  assert.deepEqual(rig.gaps(), ['validation 2-2', 'validation 4-4']);
  for (const { values, stream } of rig.of('GAPS'))
    assert.deepEqual([values.flags, values.messages, stream], [flag('unrepairable'), 1n, 1]);
  const { set_aside, broken_positive, missing } = rig.counters();
  assert.deepEqual([set_aside, broken_positive, missing], [2, 4, 2]);
});

test('leaves a connection that sends garbage', async (t) => {
  const rig = await Rig.start(t, [spec(0, 'BTC-USD')]);
  // enough to trip the breaker several times within one chunk
  for (let i = 0; i < 100; i++) rig.socket.send('{"type":"match","trade_id":');
  await rig.connected(2);
  const { breaker, failures } = rig.counters();
  assert.ok(breaker >= 1);
  assert.equal(failures, 1, 'one connection was given up, once');
  rig.socket.send(match(1));
  await until(() => rig.ids().length === 1);
  assert.equal(rig.sockets.length, 2);
});

test('waits for room in a full ring, and loses nothing', async (t) => {
  const rig = await Rig.start(t, [spec(0, 'BTC-USD')], 1 << 14);
  const count = 3000;
  for (let id = 1; id <= count; id++) rig.socket.send(match(id));
  await until(() => rig.counters().pauses > 0);
  await until(() => rig.ids().length === count);
  assert.deepEqual(
    rig.ids(),
    Array.from({ length: count }, (_, i) => i + 1),
  );
  await rig.stop();
  assert.deepEqual([rig.counters().dropped, rig.gaps()], [0, []]);
});

test('a ring that is emptied slowly, for longer than a pause may last, loses nothing', async (t) => {
  const rig = await Rig.start(t, [spec(0, 'BTC-USD')], 1 << 14);
  const count = 3000;
  for (let id = 1; id <= count; id++) rig.socket.send(match(id));
  await until(() => rig.counters().pauses > 0);
  const started = performance.now();
  // four more rings wait at the socket: this one is never less than half full before 7 s have passed
  while (performance.now() - started < 7000) {
    rig.drain(600);
    await new Promise((resolve) => setTimeout(resolve, 70));
  }
  await until(() => rig.ids().length === count);
  await rig.stop();
  assert.deepEqual([rig.counters().dropped, rig.gaps()], [0, []]);
});

test('takes symbols up, drops them, and takes them up again behind what is stored', async (t) => {
  const rig = await Rig.start(t, [spec(0, 'BTC-USD', '10')]);
  rig.socket.send(match(11));
  await until(() => rig.ids().length === 1);
  rig.send({ ...NAME, kind: 'change', added: [spec(1, 'ETH-USD', '5')], removed: [0] });
  await until(() => rig.requests === 3 && rig.counters().confirmed === 2);
  rig.socket.send(match(12));
  rig.socket.send(match(6, 'ETH-USD'));
  await until(() => rig.ids().length === 2);
  rig.send({
    ...NAME,
    kind: 'change',
    added: [{ ...spec(0, 'BTC-USD', '11'), resumedAfter: 'unsubscribed' }],
    removed: [],
  });
  await until(() => rig.counters().confirmed === 4);
  // as it was stored before, and so older than the receipt of the row on disk
  rig.socket.send(match(11, 'BTC-USD', new Date(999_000).toISOString()));
  rig.socket.send(match(13));
  await until(() => rig.ids().length === 3);
  await rig.stop();
  assert.deepEqual(rig.ids(), [11, 6, 13]);
  assert.deepEqual([rig.counters().unwanted, rig.counters().duplicates], [1, 1]);
  assert.deepEqual(rig.gaps(), ['unsubscribed 12-12']);
});

test('the sessions of a shard share its ring, and a cut of one leaves the others alone', async (t) => {
  const rig = await Rig.start(t, [spec(0, 'BTC-USD')]);
  const other = {
    ...rig.init,
    session: 1,
    streams: [spec(1, 'ETH-USD')],
    counters: createCounters(SESSION_COUNTERS),
  };
  rig.send({ kind: 'open', session: other });
  await until(() => rig.sockets.length === 2 && rig.requests === 2);
  const [first, second] = rig.sockets;
  first.send(match(1));
  second.send(match(1, 'ETH-USD'));
  await until(() => rig.ids().length === 2);
  second.terminate();
  await until(() => rig.sockets.length === 3);
  first.send(match(2));
  rig.sockets[2].send(match(4, 'ETH-USD'));
  await until(() => rig.ids().length === 4);
  await rig.stop();
  assert.deepEqual(rig.gaps(), ['disconnect 2-3']);
  assert.deepEqual(
    rig
      .of('TRADES')
      .map(({ stream, values }) => `${stream} ${values.trade_id}`)
      .sort(),
    ['0 1', '0 2', '1 1', '1 4'],
  );
  assert.equal(rig.counters().failures, 0);
  assert.equal(new CounterReader(SESSION_COUNTERS, other.counters).read().failures, 1);
});

test('another connection that has not brought anything yet does not make up for one that is cut', async (t) => {
  const rig = await Rig.start(t, [spec(0, 'BTC-USD')], undefined, { redundancy: 2 });
  await until(() => rig.counters().up === 2);
  const [first, second] = rig.sockets;
  first.send(match(1));
  await until(() => rig.ids().length === 1);
  first.terminate();
  await until(() => rig.counters().failures === 1);
  second.send(match(4));
  await until(() => rig.ids().length === 2);
  await rig.stop();
  assert.deepEqual(rig.gaps(), ['disconnect 2-3']);
});

test('a message with more rows than the ring has room for waits until the ring is empty', async (t) => {
  const rig = await Rig.start(t, [spec(0, 'BTC-USD')], 1 << 15, { channels: ['trades', 'book'] });
  for (let id = 1; id <= 200; id++) rig.socket.send(match(id));
  await until(() => rig.counters().rows === 200);
  const asks = Array.from({ length: 1400 }, (_, i) => [`${1000 + i}.5`, '1.25']);
  rig.socket.send(JSON.stringify({ type: 'snapshot', product_id: 'BTC-USD', asks, bids: [] }));
  rig.socket.send(match(201));
  await until(() => rig.counters().pauses > 0);
  assert.equal(rig.of('BOOK').length, 0);
  await until(() => rig.of('TRADES').length === 201);
  assert.deepEqual(
    rig.of('BOOK').map((row) => row.values.price),
    asks.map(([price]) => Number(price)),
  );
  assert.equal(rig.counters().dropped, 0);
});

test('a snapshot with more rows than the whole ring is taken in parts, once and in order', async (t) => {
  const rig = await Rig.start(t, [spec(0, 'BTC-USD')], 1 << 15, { channels: ['trades', 'book'] });
  const levels = (first: number) => Array.from({ length: 6000 }, (_, i) => [`${first + i}.5`, '1.25']);
  const [asks, bids] = [levels(10_000), levels(1000)];
  rig.socket.send(match(1));
  rig.socket.send(JSON.stringify({ type: 'snapshot', product_id: 'BTC-USD', asks, bids }));
  rig.socket.send(match(2));
  await until(() => rig.ids().length === 2);
  const rows = rig.of('BOOK');
  assert.deepEqual(
    rows.map(({ values }) => values.price),
    [...asks, ...bids].map(([price]) => Number(price)),
  );
  const flagged = (name: FlagName) =>
    rows.flatMap(({ values }, row) => ((Number(values.flags) & flag(name)) === 0 ? [] : [row]));
  assert.deepEqual([flagged('snapshot_start'), flagged('event_end')], [[0], [rows.length - 1]]);
  const { dropped, messages, rejected } = rig.counters();
  assert.deepEqual([dropped, rejected], [0, 0]);
  assert.equal(messages, 4, 'a subscription, two trades and a snapshot');
  assert.deepEqual(rig.gaps(), []);
});

test('a message over the limit ends the connection, and what it costs has that cause', async (t) => {
  const rig = await Rig.start(t, [spec(0, 'BTC-USD')]);
  rig.socket.send(match(1));
  await until(() => rig.ids().length === 1);
  rig.socket.send(`{"type":"match","filler":"${'x'.repeat(1 << 20)}"}`);
  await rig.connected(2);
  rig.socket.send(match(5));
  await until(() => rig.ids().length === 2);
  await rig.stop();
  // of the tickers nobody knows
  assert.deepEqual(rig.gaps(), ['limit 2-4', 'limit 0-0']);
});

test('adds candles up, and says which of them may lack a trade', async (t) => {
  const rig = await Rig.start(t, [spec(0, 'BTC-USD')], 1 << 18, { candles: ['1m', '5m'] });
  const start = Math.floor(Date.now() / 300_000) * 300 - 1800;
  const at = (id: number, minute: number) =>
    match(id).replace(/"time":"[^"]*"/, `"time":"${new Date((start + minute * 60) * 1000).toISOString()}"`);
  // 3 and 4 never arrive, 2 comes twice
  for (const message of [at(1, 0), at(2, 1), at(2, 1), at(5, 2), at(6, 6), at(7, 11), at(8, 16)])
    rig.socket.send(message);
  const candles = (table: string) =>
    rig
      .of(table)
      .map(({ values }) => [
        (Number(values.open_time) - start) / 60,
        values.trades,
        (Number(values.flags) & flag('unsynced')) !== 0,
      ]);
  await until(() => candles('KLINES_5m').length >= 4 && candles('KLINES_1m').length >= 6);
  assert.deepEqual(candles('KLINES_5m').slice(0, 4), [
    [0, 3, true],
    [5, 1, false],
    [10, 1, false],
    [15, 1, false],
  ]);
  assert.deepEqual(
    candles('KLINES_1m').map(([minute, , unsynced]) => [minute, unsynced]),
    [
      [0, true],
      [1, true],
      [2, true],
      [6, false],
      [11, false],
      [16, false],
    ],
  );
  assert.equal(rig.counters().late_trades, 0);
  assert.equal(rig.counters().duplicates, 1);
});

test('a receive clock that is set back is noted for what was received before', async (t) => {
  const rig = await Rig.start(t, [spec(7, 'BTC-USD'), spec(8, 'ETH-USD')]);
  await until(() => rig.sockets.length === 1 && rig.requests > 0);
  rig.sockets[0]?.send(match(1));
  await until(() => rig.ids().length === 1);
  const { now } = Date;
  t.after(() => {
    Date.now = now;
  });
  Date.now = () => now() - 3_600_000;
  await until(() => rig.gaps().length > 0);
  const [{ values }, ...others] = rig.of('GAPS');
  assert.deepEqual(rig.gaps(), ['clock 0-0']);
  assert.deepEqual(others, []);
  const back = Number(values.from_time) - Number(values.to_time);
  assert.ok(back > 3590 && back <= 3600, `${back}`);
  assert.equal(rig.counters().gaps, 0);
  await rig.stop();
});
