/**
 * The ring with a real second thread, and at the places where its positions wrap. Every record carries its number and
 * a checksum, so that anything lost, repeated, torn or moved shows.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { RingConsumer } from '../../src/ring/consumer.js';
import {
  createDoorbell,
  createRing,
  DATA_WORD,
  DOORBELL,
  HEAD_WORD,
  TAIL_WORD,
} from '../../src/ring/layout.js';
import { RingProducer } from '../../src/ring/producer.js';
import { headerWord, PADDING_TABLE_ID, recordTableId, recordWords } from '../../src/schema/layout.js';
import { randomFrom } from '../support/random.js';
import type { ProducerJob } from './producer_thread.js';

/** A ring whose positions begin anywhere. */
function ringAt(words: number, position: number): SharedArrayBuffer {
  const ring = createRing(words);
  const control = new Int32Array(ring, 0, DATA_WORD);
  control[TAIL_WORD] = position | 0;
  control[HEAD_WORD] = position | 0;
  return ring;
}

/** Checks the records of one run; answers how many there were. */
function checkRun(words: Uint32Array, start: number, length: number, first: number): number {
  let count = 0;
  for (let index = start; index < start + length; count++) {
    if (recordTableId(words[index]) === PADDING_TABLE_ID) return count;
    const size = recordWords(words[index]);
    let sum = first + count;
    if (words[index + 1] !== sum) assert.fail(`record ${words[index + 1]} where ${sum} was due`);
    for (let word = 2; word < size - 1; word++) sum = (Math.imul(sum, 31) + words[index + word]) | 0;
    if (words[index + size - 1] !== sum >>> 0) assert.fail(`record ${first + count} is torn`);
    index += size;
    if (index > start + length) assert.fail(`record ${first + count} reaches beyond what was published`);
  }
  return count;
}

async function transfer(bytes: number, ringWords: number, position: number, recordWordsMax: number) {
  const ring = ringAt(ringWords, position);
  const job: ProducerJob = {
    ring,
    doorbell: createDoorbell(),
    words: bytes / 4,
    recordWordsMax,
    seed: position,
  };
  const worker = new Worker(new URL('./producer_thread.js', import.meta.url), { workerData: job });
  const done = new Promise<{ records: number; full: number }>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  let finished = false;
  void done.then(() => {
    finished = true;
  });
  const consumer = new RingConsumer(ring);
  let records = 0;
  try {
    for (;;) {
      const ended = finished;
      const length = consumer.take();
      if (length > 0) {
        records += checkRun(consumer.u32, consumer.start, length, records);
        consumer.release(length);
      } else if (ended) break;
      else await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    await worker.terminate();
  }
  const report = await done;
  assert.equal(records, report.records);
  return report;
}

describe('two threads', () => {
  it('loses, repeats and tears nothing over 10^8 bytes in a ring that is often full', async () => {
    const report = await transfer(1e8, 1 << 14, 0, 200);
    assert.ok(report.full > 0, 'the ring was full at times');
  });
  it('goes on where signed positions turn negative', async () => {
    await transfer(4e6, 1 << 10, 2 ** 31 - 5000, 60);
  });
  it('goes on where positions begin again at zero', async () => {
    await transfer(4e6, 1 << 10, 2 ** 32 - 5000, 60);
  });
});

describe('one thread', () => {
  const WORDS = 64;
  const make = (position = 0) => {
    const ring = ringAt(WORDS, position);
    return { ring, producer: new RingProducer(ring, createDoorbell()), consumer: new RingConsumer(ring) };
  };
  const write = (producer: RingProducer, words: number, mark: number): boolean => {
    const index = producer.claim(words);
    if (index < 0) return false;
    producer.u32[index] = headerWord(1, words);
    for (let i = 1; i < words; i++) producer.u32[index + i] = mark;
    producer.commit(words);
    return true;
  };

  it('behaves as a queue, whatever is claimed, given up, published and released', () => {
    for (const position of [0, 2 ** 31 - 300, 2 ** 32 - 300]) {
      const { producer, consumer } = make(position);
      const random = randomFrom(position + 1);
      const committed: number[] = [];
      let visible = 0;
      for (let step = 0; step < 20_000; step++) {
        const act = random(10);
        const words = 2 + random(14);
        if (act < 5) {
          if (write(producer, words, step)) committed.push(step * 100 + words);
        } else if (act === 5) producer.claim(words);
        else if (act < 8) {
          producer.publish();
          visible = committed.length;
        } else {
          const length = consumer.take();
          let index = consumer.start;
          while (index < consumer.start + length) {
            const header = consumer.u32[index];
            if (recordTableId(header) === PADDING_TABLE_ID) {
              assert.equal(consumer.start + length, WORDS, 'padding ends with the data');
              break;
            }
            const size = recordWords(header);
            assert.equal(consumer.u32[index + 1] * 100 + size, committed.shift());
            visible--;
            index += size;
          }
          assert.ok(visible >= 0, 'nothing shows before it is published');
          consumer.release(length);
        }
        assert.ok(producer.free(0) >= 0 && producer.free(0) <= WORDS);
      }
    }
  });

  it('leaves no trace of a claim that is not committed', () => {
    const { producer, consumer } = make();
    const given = producer.claim(20);
    producer.u32.fill(7, given, given + 20);
    producer.publish();
    assert.equal(consumer.take(), 0);
    assert.ok(write(producer, 5, 9));
    producer.publish();
    assert.equal(consumer.take(), 5);
    assert.equal(consumer.u32[consumer.start], headerWord(1, 5));
  });

  it('fills up to the last word and no further', () => {
    const { producer, consumer } = make();
    for (let i = 0; i < 4; i++) assert.ok(write(producer, 16, i));
    assert.equal(producer.claim(1), -1);
    producer.publish();
    assert.equal(consumer.take(), WORDS);
    assert.equal(producer.fill(), 1);
    consumer.release(16);
    assert.equal(producer.claim(17), -1);
    assert.ok(write(producer, 16, 4));
  });

  it('shows nothing of a thread that died before it published', () => {
    const { ring, producer, consumer } = make();
    write(producer, 8, 1);
    producer.publish();
    write(producer, 8, 2);
    const next = new RingProducer(ring, createDoorbell());
    write(next, 8, 3);
    next.publish();
    assert.equal(consumer.take(), 16);
    assert.deepEqual([consumer.u32[1], consumer.u32[9]], [1, 3]);
  });

  it('rings only for a consumer that sleeps while the ring fills', () => {
    const ring = createRing(WORDS);
    const memory = createDoorbell();
    const doorbell = new Int32Array(memory);
    const producer = new RingProducer(ring, memory);
    write(producer, 20, 1);
    producer.publish();
    assert.equal(doorbell[DOORBELL.rings], 0);
    doorbell[DOORBELL.sleeping] = 1;
    producer.publish();
    assert.equal(doorbell[DOORBELL.rings], 0, 'nothing new, nothing to wake for');
    write(producer, 20, 2);
    producer.publish();
    assert.equal(doorbell[DOORBELL.rings], 1);
  });
});
