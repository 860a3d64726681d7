/**
 * Entry point of a shard thread as workers/shard.ts that besides writes down when it publishes: the moment at which a row
 * stands in the ring, without a third thread that would have to look for it all the time.
 */
import { workerData } from 'node:worker_threads';
import type { ShardInit } from '../../src/feed/shard.js';
import { RingProducer } from '../../src/ring/producer.js';
import { StampWriter } from './stamps.js';

/** What the thread is told besides. */
export interface StampedShardInit extends ShardInit {
  readonly stamps: SharedArrayBuffer;
}

const { ring, stamps } = workerData as StampedShardInit;
const writer = new StampWriter(ring, stamps);
const { publish } = RingProducer.prototype;
RingProducer.prototype.publish = function (this: RingProducer): void {
  publish.call(this);
  writer.stamp();
};
await import('../../workers/shard.js');
