/** A comparison must notice a program that has not taken what was sent, and must not wait for one that has ended. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { RunOptions } from '../../bench/baselines/amounts.js';
import { launchContender, type Run } from '../../bench/baselines/comparison.js';
import { quantilesOf } from '../../bench/baselines/quantiles.js';
import { launchSteadyContender } from '../../bench/baselines/steady.js';
import { runAlone } from '../../bench/baselines/turns.js';
import { temporaryFolder } from '../support/processes.js';

const abort = new AbortController();
after(() => abort.abort());

const options: RunOptions = {
  ...{ exchange: 'binance', channel: 'trades', symbols: 2, symbolsPerConnection: 2 },
  ...{ tls: false, messages: 19_900, warmup: 100, flushSecs: 1 },
  folder: temporaryFolder('comparison'),
  signal: abort.signal,
  dropped: () => {},
};

function runContender(name: string, command: readonly string[]): Promise<Run> {
  return runAlone(launchContender(name, command, options));
}

/** A program that counts and sums right, but for `mistake`, JavaScript that is run before it tells. */
function program(mistake: string): string[] {
  return [
    process.execPath,
    '-e',
    `const { WebSocket } = require('ws');
    const task = JSON.parse(process.argv[1]);
    const socket = new WebSocket(task.url);
    socket.on('open', () => task.subscribe[0].forEach((text) => socket.send(text)));
    let [messages, size] = [0, 0];
    socket.on('message', (data) => {
      const trade = JSON.parse(data).data;
      if (trade === undefined) return;
      messages++;
      size += Math.round(trade.q * 1e8);
      if (messages === task.warmup) console.log('{"kind":"warm"}');
      if (messages < task.warmup + task.messages) return;
      ${mistake};
      console.log(JSON.stringify({ kind: 'result', messages, size, wall_us: 1 }));
      socket.terminate();
    });`,
  ];
}

test('a program that has taken everything is measured', async () => {
  const run = await runContender('honest', program(''));
  assert.ok(run.cpu_us > 0 && run.rss_bytes > 0);
});

test('a trade too few, a trade too many and a size too small are errors', async () => {
  await assert.rejects(runContender('short', program('messages--')), /19999 trades .* 20000 .* were sent/);
  await assert.rejects(runContender('long', program('messages++')), /20001 trades .* 20000 .* were sent/);
  await assert.rejects(runContender('light', program('size--')), /were sent/);
});

test('at a rate that lasts, what is measured lies between a warm-up and a tail, and all of it is counted', async () => {
  const steady = { ...options, rate: 2000, warmup: 300, messages: 1000 };
  const run = async (mistake: string) =>
    (await launchSteadyContender('steady', program(mistake), steady)).measure(Promise.resolve());
  const { messages_per_s, cpu_us, threads, rss_bytes, server } = await run('');
  assert.ok(messages_per_s > 0 && messages_per_s <= 2010, `${messages_per_s}`);
  assert.ok(cpu_us > 0 && threads > 1 && rss_bytes > 0 && (server?.share ?? 0) > 0);
  await assert.rejects(run('messages--'), /2299 trades .* 2300 .* were sent/);
});

test('a program that ends before is an error with what it said', async () => {
  const broken = [process.execPath, '-e', `console.error('no luck'); process.exit(3)`];
  // nobody subscribes then: the end of the program has to end the waiting
  await assert.rejects(runContender('broken', broken), /broken ended with 3: no luck/);
});

test('quantiles are values that were seen', () => {
  const values = Float64Array.from({ length: 1000 }, (_, i) => 1000 - i);
  assert.deepEqual(quantilesOf(values), { p50: 500, p99: 990, p999: 999, max: 1000 });
  assert.deepEqual(quantilesOf(Float64Array.of(7)), { p50: 7, p99: 7, p999: 7, max: 7 });
});
