/** The budget of connection attempts that all threads of an exchange share. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { createPacing, giveBack, RequestBudget, reserve } from '../../../src/feed/connection/pacing.js';

const BURST = 20;

test('lets a burst through and spaces out what follows', () => {
  const pacing = createPacing();
  const waits = Array.from({ length: 60 }, () => reserve(pacing, 60));
  assert.ok(waits.slice(0, BURST).every((wait) => wait === 0));
  const last = waits.at(-1) as number;
  assert.ok(last > 38_000 && last <= 39_000, `${last} ms`);
  assert.ok(waits.every((wait, i) => i === 0 || wait >= waits[i - 1] - 1000));
});

test('attempts that are given back do not count: a network that is gone for long delays nothing', () => {
  const pacing = createPacing();
  for (let attempt = 0; attempt < 1000; attempt++) {
    assert.equal(reserve(pacing, 14), 0);
    giveBack(pacing, 14);
  }
});

test('a machine that has run for weeks, or a long quiet time, delays nothing', () => {
  const pacing = createPacing();
  const word = new BigInt64Array(pacing);
  const nowMs = process.hrtime.bigint() / 1_000_000n;
  for (const days of [0n, 1n, 13n, 20n, 24n, 25n, 40n, 400n]) {
    word[0] = nowMs - days * 86_400_000n;
    assert.equal(reserve(pacing, 60), 0, `${days} days`);
  }
});

test('threads that ask at once never exceed the rate together', async () => {
  const pacing = createPacing();
  const [perMinute, attempts] = [1200, 300];
  const workers = [1, 2].map(
    () =>
      new Worker(new URL('./pacing_thread.js', import.meta.url), {
        workerData: { pacing, perMinute, attempts },
      }),
  );
  const lists = await Promise.all(workers.map((worker) => once(worker, 'message') as Promise<[number[]]>));
  const times = lists.flatMap(([list]) => list).sort((a, b) => a - b);
  const interval = 60_000 / perMinute;
  // in any stretch of time: what its length allows, and one burst; a millisecond for the cut of the clock
  for (let i = 0; i < times.length; i++)
    for (let j = i + 1; j < times.length; j += 7)
      assert.ok(j - i + 1 <= BURST + 1 + (times[j] - times[i] + 2) / interval, `attempts ${i} to ${j}`);
});

test('a connection sends no more than its hour allows, whenever that hour begins', () => {
  const budget = new RequestBudget({ requestsPerSecond: 3, requestsPerHour: 480 });
  const begun = 7_000_000;
  budget.begin(begun);
  const sent: number[] = [];
  for (let now = begun; now < begun + 5 * 3_600_000; now += budget.pauseMs(now)) sent.push(now);
  const within = (from: number) => sent.filter((at) => at >= from && at < from + 3_600_000).length;
  const most = Math.max(...sent.map(within));
  assert.ok(most <= 481 && most > 470, `${most} messages in an hour`);
  assert.ok(sent[100] - sent[0] < 60_000, 'many at once in the beginning');
  const plain = new RequestBudget({ requestsPerSecond: 4 });
  assert.equal(plain.pauseMs(begun), 250);
});
