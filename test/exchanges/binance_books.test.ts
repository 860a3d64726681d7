/**
 * Order books of Binance from changes and REST snapshots: recorded snapshots in the middle of the streams they belong
 * to, against a book that is kept here in plain code; and everything that makes a book incomplete.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { loadExchange } from '../../src/exchanges/index.js';
import { BOOK_SNAPSHOT } from '../../src/feed/books/rest_books.js';
import type { Exchange } from '../../src/feed/exchange.js';
import { parseKeepingText } from '../../src/feed/json/document.js';
import { RESULT } from '../../src/feed/rows/result.js';
import { type DecodedRow, decimalText } from '../../src/schema/codec.js';
import { flag } from '../../src/schema/flags.js';
import { BOOK } from '../../src/schema/tables.js';
import { corpusMissing, type Expected, readExpected, readMessages, recordings } from '../support/corpus.js';
import { Harness } from '../support/harness.js';

const spot = await loadExchange('binance');
const futures = await loadExchange('binance-futures');

const has = (row: DecodedRow, mask: number) => (Number(row.values.flags) & mask) !== 0;
const literal = (row: DecodedRow, name: string, position: number) =>
  decimalText(row.values[`${name}_digits`] as bigint, (Number(row.values.scales) >>> (8 * position)) & 255);

/** Prices with their sizes as they were sent. */
type Side = Map<string, string>;
interface Book {
  readonly bids: Side;
  readonly asks: Side;
}

function apply(side: Side, levels: readonly (readonly [string, string])[]): void {
  for (const [price, size] of levels) {
    if (Number(size) === 0) side.delete(price);
    else side.set(price, size);
  }
}

/** What the rows of one symbol say when they are read in the order of the file. */
function replay(rows: readonly DecodedRow[]): Book {
  const book: Book = { bids: new Map(), asks: new Map() };
  for (const row of rows) {
    if (has(row, flag('snapshot_start'))) {
      book.bids.clear();
      book.asks.clear();
    }
    if (has(row, BOOK.missing.price)) continue;
    apply(row.values.side === 1 ? book.bids : book.asks, [
      [literal(row, 'price', 0), literal(row, 'size', 1)],
    ]);
  }
  return book;
}

interface RecordedSnapshot {
  readonly symbol: string;
  readonly text: string;
  readonly lastUpdateId: bigint;
  readonly bids: readonly [string, string][];
  readonly asks: readonly [string, string][];
}

function recordedSnapshots(folder: string): RecordedSnapshot[] {
  const directory = resolve('..', 'shared', 'corpus', 'rest', folder);
  return readdirSync(directory)
    .filter((file) => file.startsWith('depth-snapshot-'))
    .map((file) => {
      const text = readFileSync(join(directory, file), 'utf8');
      const { bids, asks } = JSON.parse(text) as Pick<RecordedSnapshot, 'bids' | 'asks'>;
      const lastUpdateId = BigInt(/"lastUpdateId":\s*(\d+)/.exec(text)?.[1] ?? '-1');
      return { symbol: file.split('-')[2], text, lastUpdateId, bids, asks };
    });
}

/**
 * Feeds the recorded changes of a symbol around a snapshot, which arrives a few of them late; answers whether it belongs
 * to them.
 */
function bridge(
  exchange: Exchange,
  snapshot: RecordedSnapshot,
  events: readonly Expected[],
  messages: () => readonly { readonly raw: string }[],
): boolean {
  const first = events.findIndex((e) => BigInt(e.seq as string) > snapshot.lastUpdateId);
  const bridges = (e: Expected) =>
    BigInt((e.prev_seq as string | undefined) ?? BigInt(e.first_seq as string) - 1n) <= snapshot.lastUpdateId;
  if (first < 0 || !bridges(events[first])) return false;
  const late = Math.min(first + 5, events.length - 1);
  const harness = new Harness(exchange, [snapshot.symbol], { channels: ['book'] });
  const wanted: Book = { bids: new Map(snapshot.bids), asks: new Map(snapshot.asks) };
  const from = Math.max(0, first - 20);
  const start = Math.floor(Number(events[Math.max(0, first - 20)].time_ns) / 1e9);
  for (const [i, event] of events.slice(from, first + 400).entries()) {
    harness.received[0] = start + i;
    const result = harness.feed(messages()[event.line - 1].raw);
    assert.equal(result, i <= late - from ? RESULT.buffered : RESULT.rows);
    if (from + i >= first) {
      apply(wanted.bids, event.bids as [string, string][]);
      apply(wanted.asks, event.asks as [string, string][]);
    }
    if (from + i !== late) continue;
    assert.deepEqual(
      harness.requests.map(({ slot }) => slot),
      [0],
      'asked for once',
    );
    harness.respond(0, parseKeepingText(snapshot.text));
  }
  const received = start + late - from;
  const rows = harness.takeRows();
  const levels = snapshot.bids.length + snapshot.asks.length;
  const ids = rows.map((row) => row.values.seq as bigint);
  assert.ok(
    rows.slice(0, levels).every((row) => has(row, flag('snapshot')) && row.values.recv_time === received),
  );
  assert.ok(rows.slice(levels).every((row) => !has(row, flag('snapshot'))));
  assert.ok(
    ids.every((id, i) => i === 0 || id >= ids[i - 1]),
    'in the order of the changes',
  );
  // what waited has the times it was received at
  const times = [...new Set(rows.slice(levels).map((row) => Number(row.values.recv_time)))];
  assert.equal(times[0], start + first - from);
  assert.deepEqual(replay(rows), wanted);
  assert.equal(harness.count('unsynced'), first - from, 'what the snapshot holds already is counted');
  assert.deepEqual(harness.resyncs, []);
  return true;
}

describe('recorded snapshots', { skip: corpusMissing }, () => {
  for (const [exchange, folder, least] of [
    [spot, 'binance-spot', 5],
    [futures, 'binance-futures', 2],
  ] as const) {
    it(`${exchange.id}: the book from a snapshot and the changes around it is the right one`, (t) => {
      let bridged = 0;
      const snapshots = recordedSnapshots(folder);
      for (const recording of recordings(folder)) {
        const books = readExpected(recording).filter((e) => e.kind === 'book');
        let read: ReturnType<typeof readMessages> | undefined;
        const messages = () => (read ??= readMessages(recording));
        for (const snapshot of snapshots) {
          const events = books.filter((e) => e.symbol === snapshot.symbol);
          if (bridge(exchange, snapshot, events, messages)) bridged++;
        }
      }
      assert.ok(bridged >= least, `${bridged} snapshots belong to a recorded stream`);
      t.diagnostic(`${bridged} snapshots bridged`);
    });
  }
});

/** A change of BTCUSDT with one level; futures name the change before. */
function change(from: number, to: number, levels = '[["100.0","1"]]', symbol = 'BTCUSDT'): string {
  return `{"stream":"x@depth@100ms","data":{"e":"depthUpdate","E":1700000000123,"s":"${symbol}","U":${from},"u":${to},"b":${levels},"a":[]}}`;
}

function futuresChange(from: number, to: number, previous: number): string {
  return change(from, to).replace('"b":', `"pu":${previous},"b":`);
}

const SNAPSHOT = (id: number) =>
  parseKeepingText(`{"lastUpdateId":${id},"bids":[["99.5","2"]],"asks":[["100.5","3"]]}`);

class Scene {
  readonly harness: Harness;

  constructor(
    readonly exchange: Exchange,
    natives: readonly string[] = ['BTCUSDT'],
    ringWords?: number,
  ) {
    this.harness = new Harness(exchange, natives, { channels: ['book'], ringWords });
    this.harness.received[0] = 1_700_000_000;
  }

  answer(id: number | undefined, slot = 0): void {
    assert.ok(
      this.harness.requests.some((request) => request.slot === slot),
      'it was asked for',
    );
    this.harness.requests.length = 0;
    this.harness.respond(slot, id === undefined ? undefined : SNAPSHOT(id));
  }

  /** Lets the time come at which a broken book asks. */
  turn(): void {
    for (let i = 0; i < 300 && this.harness.resyncs.length === 0; i++) {
      this.harness.nowMs += 250;
      this.harness.books?.doWork();
    }
    assert.deepEqual(this.harness.resyncs.splice(0), [0]);
    this.harness.parser.resync?.(0);
  }

  /** Numbers and causes of the gaps that were listed. */
  gaps(): [number, number, string][] {
    return this.harness.gaps.map(({ fromId, toId, cause }) => [fromId, toId, cause]);
  }

  /** Sequence numbers of the rows since the last call, snapshots with an S. */
  rows(): string[] {
    return this.harness.takeRows().map((row) => `${has(row, flag('snapshot')) ? 'S' : ''}${row.values.seq}`);
  }
}

describe('changes and snapshots', () => {
  it('asks below the REST interface of each exchange, for a book that has changes', () => {
    for (const [exchange, path] of [
      [spot, '/api/v3/depth?symbol=BTCUSDT&limit=1000'],
      [futures, '/fapi/v1/depth?symbol=BTCUSDT&limit=1000'],
    ] as const) {
      const { harness } = new Scene(exchange);
      assert.equal(harness.feed(change(5, 6)), RESULT.buffered);
      assert.equal(harness.feed(change(7, 9)), RESULT.buffered);
      assert.deepEqual(harness.requests, [{ kind: BOOK_SNAPSHOT, slot: 0, path }]);
    }
  });

  it('takes what a snapshot ends within, and leaves out what it holds', () => {
    const scene = new Scene(spot);
    for (const [from, to] of [[1, 4], [5, 8], [9, 9]]) scene.harness.feed(change(from, to)); // biome-ignore format: a table
    scene.answer(6);
    assert.deepEqual(scene.rows(), ['S6', 'S6', '8', '9']);
    assert.equal(scene.harness.feed(change(10, 12)), RESULT.rows);
    assert.equal(scene.harness.count('unsynced'), 1);
    assert.equal(scene.harness.feed(change(10, 12)), RESULT.unsynced, 'a change that is repeated');
    assert.deepEqual(scene.rows(), ['12']);
  });

  it('asks again when a snapshot is older than the first change', () => {
    const scene = new Scene(spot);
    scene.harness.feed(change(50, 60));
    scene.answer(48);
    assert.deepEqual(scene.rows(), []);
    scene.harness.feed(change(61, 62));
    assert.deepEqual(scene.harness.requests, [], 'not at once');
    scene.turn();
    scene.answer(49);
    assert.deepEqual(scene.rows(), ['S49', 'S49', '60', '62']);
  });

  it('asks again when the changes behind a snapshot stand in the files of another day', () => {
    const scene = new Scene(spot);
    // in front of midnight, while the snapshot comes behind it
    scene.harness.received[0] = 1_700_006_399;
    scene.harness.feed(change(5, 6).replace('1700000000123', '1700006399900'));
    scene.harness.received[0] = 1_700_006_401;
    scene.answer(5);
    assert.deepEqual(scene.rows(), []);
    scene.turn();
    scene.harness.feed(change(7, 8).replace('1700000000123', '1700006401000'));
    scene.answer(6);
    assert.deepEqual(scene.rows(), ['S6', 'S6', '8']);
  });

  it('lists a gap, and goes on from the change that showed it', () => {
    const scene = new Scene(spot);
    scene.harness.feed(change(1, 2));
    scene.answer(2);
    scene.harness.feed(change(3, 3));
    assert.equal(scene.harness.feed(change(5, 6)), RESULT.buffered);
    assert.equal(scene.harness.feed(change(7, 7)), RESULT.buffered);
    scene.turn();
    scene.answer(5);
    assert.deepEqual(scene.rows(), ['S2', 'S2', '3', 'S5', 'S5', '6', '7']);
    assert.deepEqual(scene.gaps(), [
      [1, 2, 'snapshot'],
      [4, 5, 'unknown'],
    ]);
  });

  it('asks again when the exchange begins to count anew, and lists what was missed by its times', () => {
    const scene = new Scene(spot);
    scene.harness.feed(change(101, 102));
    scene.answer(102);
    scene.harness.feed(change(103, 104));
    scene.harness.feed(change(105, 105));
    assert.equal(scene.harness.feed(change(103, 104)), RESULT.unsynced, 'repeated, and so is the next');
    assert.equal(scene.harness.feed(change(105, 105)), RESULT.unsynced);
    assert.equal(scene.harness.feed(change(1, 2)), RESULT.unsynced, 'one alone may be late');
    assert.equal(scene.harness.feed(change(3, 4)), RESULT.buffered);
    scene.turn();
    scene.harness.feed(change(5, 6));
    scene.answer(4);
    assert.deepEqual(scene.rows(), ['S102', 'S102', '104', '105', 'S4', 'S4', '6']);
    assert.deepEqual(scene.gaps().slice(1), [[0, 0, 'unknown']]);
  });

  it('follows the futures by the number of the change before', () => {
    const scene = new Scene(futures);
    assert.equal(scene.harness.feed(futuresChange(100, 110, 90)), RESULT.buffered);
    scene.answer(105);
    assert.equal(
      scene.harness.feed(futuresChange(150, 160, 110)),
      RESULT.rows,
      'other symbols use numbers, too',
    );
    assert.equal(scene.harness.feed(futuresChange(161, 170, 155)), RESULT.buffered, 'not the one before');
    assert.deepEqual(scene.rows(), ['S105', 'S105', '110', '160']);
    scene.turn();
    scene.answer(165);
    assert.deepEqual(scene.rows(), ['S165', 'S165', '170']);
    assert.equal(scene.harness.feed(futuresChange(171, 172, -1)), RESULT.buffered);
    assert.equal(scene.harness.feed(change(5, 6).replace('"b":', '"pu":"x","b":')), RESULT.badId);
  });

  it('a first change of all belongs to any snapshot within it', () => {
    const scene = new Scene(futures);
    scene.harness.feed(futuresChange(1, 3, -1));
    scene.answer(2);
    assert.deepEqual(scene.rows(), ['S2', 'S2', '3']);
  });

  it('goes on asking when the REST interface fails, or answers what is no snapshot', () => {
    const scene = new Scene(spot);
    scene.harness.feed(change(5, 6));
    scene.answer(undefined);
    scene.turn();
    scene.answer(-1);
    scene.turn();
    scene.harness.requests.length = 0;
    scene.harness.respond(0, parseKeepingText('{"code":-1121,"msg":"Invalid symbol."}'));
    scene.turn();
    scene.answer(6);
    assert.deepEqual(scene.rows(), ['S6', 'S6']);
  });

  it('voids everything when the connection is lost', () => {
    const scene = new Scene(spot);
    scene.harness.feed(change(1, 2));
    scene.answer(2);
    scene.harness.feed(change(9, 9));
    scene.turn();
    scene.harness.books?.interrupted('disconnect');
    scene.harness.parser.reconnected?.();
    assert.equal(scene.harness.count('unsynced'), 2, 'what the snapshot held, and what waited');
    scene.harness.feed(change(20, 21));
    scene.answer(8);
    assert.deepEqual(scene.harness.requests.length, 1, 'the answer to the old question is void');
    scene.answer(20);
    assert.deepEqual(scene.rows(), ['S2', 'S2', 'S20', 'S20', '21']);
    assert.deepEqual(scene.gaps(), [
      [1, 2, 'snapshot'],
      [3, 20, 'unknown'],
    ]);
  });

  it('refuses a change that cannot be read, whether the book is complete or not', () => {
    const scene = new Scene(spot);
    for (const levels of ['[["1","x"]]', '[["","1"]]', '[["1"]]', '[[null,"1"]]'])
      assert.ok(scene.harness.feed(change(1, 2, levels)) >= RESULT.badJson, levels);
    scene.harness.feed(change(3, 3));
    scene.answer(3);
    assert.ok(scene.harness.feed(change(4, 4, '[["5","1"],["1","x"]]')) >= RESULT.badJson);
    assert.deepEqual(scene.rows(), ['S3', 'S3'], 'no part of it is stored');
    assert.equal(scene.harness.feed(change(5, 5)), RESULT.buffered);
    scene.turn();
    scene.answer(4);
    assert.deepEqual(scene.rows(), ['S4', 'S4', '5']);
    assert.deepEqual(scene.gaps(), [
      [3, 3, 'snapshot'],
      [4, 4, 'malformed'],
    ]);
  });

  it('breaks the book for which the ring has no room', () => {
    const scene = new Scene(spot, ['BTCUSDT'], 1 << 7);
    scene.harness.feed(change(1, 1));
    scene.answer(1);
    assert.deepEqual(scene.rows(), ['S1', 'S1']);
    const levels = JSON.stringify(Array.from({ length: 50 }, (_, i) => [`${i + 1}`, '1']));
    assert.equal(scene.harness.feed(change(2, 2, levels)), RESULT.ringFull);
    assert.deepEqual(scene.rows(), []);
    scene.turn();
    scene.answer(2);
    assert.deepEqual(scene.rows(), ['S2', 'S2']);
    assert.deepEqual(scene.gaps(), [
      [1, 1, 'snapshot'],
      [2, 2, 'ring_full'],
    ]);
  });

  it('lists the changes that came before the first snapshot, unless it is older than all of them', () => {
    const scene = new Scene(spot, ['BTCUSDT', 'ETHUSDT']);
    scene.harness.feed(change(5, 6));
    scene.harness.feed(change(7, 9, '[["3","1"]]', 'ETHUSDT'));
    scene.harness.received[0]++;
    scene.harness.respond(0, SNAPSHOT(4));
    scene.harness.respond(1, SNAPSHOT(7));
    assert.deepEqual(scene.rows(), ['S4', 'S4', '6', 'S7', 'S7', '9']);
    assert.deepEqual(scene.gaps(), [[7, 7, 'snapshot']]);
    const [{ slot, fromSeconds, toSeconds }] = scene.harness.gaps;
    assert.deepEqual([slot, toSeconds - fromSeconds], [1, 1]);
  });

  it('lists at the end what a snapshot was waited for, and nothing of a complete book', () => {
    const scene = new Scene(spot, ['BTCUSDT', 'ETHUSDT', 'SOLUSDT']);
    scene.harness.feed(change(5, 6));
    scene.harness.feed(change(7, 9));
    scene.harness.feed(change(2, 2, '[["3","1"]]', 'ETHUSDT'));
    scene.answer(1, 1);
    scene.harness.received[0]++;
    for (const slot of [0, 1, 2]) scene.harness.books?.end(slot);
    assert.deepEqual(scene.gaps(), [[5, 9, 'snapshot']]);
    const [{ slot, fromSeconds, toSeconds }] = scene.harness.gaps;
    assert.deepEqual([slot, toSeconds - fromSeconds], [0, 1]);
  });

  it('lists at the end what a broken book has missed', () => {
    const scene = new Scene(spot);
    scene.harness.feed(change(2, 2));
    scene.answer(1);
    scene.harness.feed(change(5, 6));
    scene.harness.feed(change(7, 8));
    scene.harness.books?.end(0);
    assert.deepEqual(scene.gaps(), [[3, 8, 'unknown']]);
  });

  it('keeps a change without levels in the chain', () => {
    const scene = new Scene(spot);
    scene.harness.feed(change(1, 1));
    scene.answer(1);
    assert.equal(scene.harness.feed(change(2, 2, '[]')), RESULT.control);
    assert.equal(scene.harness.feed(change(3, 3)), RESULT.rows);
  });

  it('keeps books of one connection apart', () => {
    const scene = new Scene(spot, ['BTCUSDT', 'ETHUSDT']);
    scene.harness.feed(change(1, 1));
    scene.harness.feed(change(7, 7, '[["3","1"]]', 'ETHUSDT'));
    assert.deepEqual(
      scene.harness.requests.map(({ slot }) => slot),
      [0, 1],
    );
    scene.answer(7, 1);
    assert.deepEqual(scene.rows(), ['S7', 'S7']);
    assert.equal(scene.harness.feed(change(8, 8, '[["3","1"]]', 'ETHUSDT')), RESULT.rows);
    assert.equal(scene.harness.feed(change(2, 2)), RESULT.buffered);
  });
});
