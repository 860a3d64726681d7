/**
 * A producer thread for ring.test.ts: records of random size with checksummed content, and now and then a claim that
 * is given up, until so many bytes have gone through.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { RingProducer } from '../../src/ring/producer.js';
import { headerWord } from '../../src/schema/layout.js';
import { randomFrom } from '../support/random.js';

export interface ProducerJob {
  readonly ring: SharedArrayBuffer;
  readonly doorbell: SharedArrayBuffer;
  readonly words: number;
  readonly recordWordsMax: number;
  readonly seed: number;
}

const { ring, doorbell, words, recordWordsMax, seed } = workerData as ProducerJob;
const producer = new RingProducer(ring, doorbell);
const random = randomFrom(seed);
let sequence = 0;
let full = 0;

function claim(size: number): number {
  for (let index = producer.claim(size); ; index = producer.claim(size)) {
    if (index >= 0) return index;
    full++;
    producer.publish();
    // lets the consumer go on when both share one processor
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0.05);
  }
}

for (let written = 0; written < words; ) {
  const size = 3 + random(recordWordsMax - 2);
  if (random(50) === 0) {
    const given = claim(size);
    producer.u32.fill(0xdeadbeef, given, given + size);
  }
  const wanted = 3 + random(recordWordsMax - 2);
  const index = claim(wanted);
  const { u32 } = producer;
  u32[index] = headerWord(1, wanted);
  u32[index + 1] = sequence;
  let sum = sequence;
  for (let word = 2; word < wanted - 1; word++) {
    const value = Math.imul(sequence + word, 0x9e3779b1);
    u32[index + word] = value;
    sum = (Math.imul(sum, 31) + value) | 0;
  }
  u32[index + wanted - 1] = sum;
  producer.commit(wanted);
  sequence++;
  written += wanted;
  if (random(8) === 0) producer.publish();
}
producer.publish();
parentPort?.postMessage({ records: sequence, full });
