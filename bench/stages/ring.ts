/** Stage `ring`: rows through the ring, between two threads as in a capture and within one. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { RING_WORDS } from '../../src/base/limits.js';
import { RingConsumer } from '../../src/ring/consumer.js';
import { createDoorbell, createRing } from '../../src/ring/layout.js';
import { RingProducer } from '../../src/ring/producer.js';
import { HEADER_WORDS, PADDING_TABLE_ID, recordTableId } from '../../src/schema/layout.js';
import { TRADES } from '../../src/schema/tables.js';
import { alternate } from '../alternate.js';
import type { RingThreadInit } from '../ring_thread.js';
import { BYTES_PER_WORD, putRow } from '../rows.js';
import type { Figure, StageContext } from '../stage.js';

const PUBLISH_ROWS = 16;
const ROWS_PER_SECOND_OF_STAGE = 800_000;
const SMOKE_ROWS = 5000;
const STUCK_MS = 30_000;

/** Takes rows and looks at each, as a writer does. */
class Taker {
  rows = 0;
  private readonly consumer: RingConsumer;

  constructor(ring: SharedArrayBuffer) {
    this.consumer = new RingConsumer(ring);
  }

  /** False when there is nothing to take. */
  turn(): boolean {
    const { consumer } = this;
    const words = consumer.take();
    if (words === 0) return false;
    const { u32, start } = consumer;
    for (let at = start; at < start + words; at += TRADES.words) {
      if (recordTableId(u32[at]) === PADDING_TABLE_ID) break;
      if (u32[at + HEADER_WORDS] !== this.rows) throw new Error(`row ${this.rows} did not come`);
      this.rows++;
    }
    consumer.release(words);
    return true;
  }
}

const perSecond = (rows: number, startedMs: number) => (rows / (performance.now() - startedMs)) * 1000;

/** From the word to start to the last row. */
async function twoThreads(rows: number, rowsPerPublish: number): Promise<number> {
  const ring = createRing(RING_WORDS);
  const start = new SharedArrayBuffer(BYTES_PER_WORD);
  const workerData: RingThreadInit = { ring, doorbell: createDoorbell(), start, rows, rowsPerPublish };
  const worker = new Worker(new URL('../ring_thread.js', import.meta.url), { workerData });
  await once(worker, 'message');
  const taker = new Taker(ring);
  const word = new Int32Array(start);
  const started = performance.now();
  Atomics.store(word, 0, 1);
  Atomics.notify(word, 0);
  for (let moved = started; taker.rows < rows; ) {
    if (taker.turn()) moved = performance.now();
    else if (performance.now() - moved > STUCK_MS) throw new Error(`the ring stands at row ${taker.rows}`);
  }
  const result = perSecond(rows, started);
  await worker.terminate();
  return result;
}

function oneThread(rows: number): number {
  const ring = createRing(RING_WORDS);
  const producer = new RingProducer(ring, createDoorbell());
  const taker = new Taker(ring);
  const started = performance.now();
  for (let n = 0; n < rows; ) {
    for (let i = 0; i < PUBLISH_ROWS && n < rows; i++, n++) putRow(producer, TRADES, 0, 0, n);
    producer.publish();
    taker.turn();
  }
  return perSecond(taker.rows, started);
}

/** The same words from one place in memory to another, as fast as the machine copies. */
function memoryCopy(rows: number): number {
  const from = new Uint32Array(RING_WORDS).fill(1);
  const to = new Uint32Array(RING_WORDS);
  const rowsPerCopy = Math.floor(RING_WORDS / TRADES.words);
  to.set(from);
  const started = performance.now();
  let copied = 0;
  for (; copied < rows; copied += rowsPerCopy) to.set(from);
  return perSecond(copied, started);
}

export async function* figures(context: StageContext): AsyncIterable<Figure> {
  const rows = context.smoke ? SMOKE_ROWS : Math.round(context.seconds * ROWS_PER_SECOND_OF_STAGE);
  const copy = `memory copy of rows of ${TRADES.words * BYTES_PER_WORD} bytes`;
  const names = [
    'two threads, published row by row',
    `two threads, published every ${PUBLISH_ROWS} rows`,
    'one thread',
    copy,
  ];
  context.input(Buffer.from(`${rows} rows of ${TRADES.words} words`));
  // the compiler has seen it before anything counts
  oneThread(SMOKE_ROWS);
  const values = await alternate(context, {
    [names[0]]: () => twoThreads(rows, 1),
    [names[1]]: () => twoThreads(rows, PUBLISH_ROWS),
    [names[2]]: () => oneThread(rows),
    [copy]: () => memoryCopy(rows),
  });
  for (const name of names)
    yield {
      name,
      unit: 'million rows/s',
      values: values[name].map((value) => value / 1e6),
      better: 'more',
      group: 'rows through a ring',
      limit: name === copy ? undefined : { of: copy, ratio: 1 },
    };
}
