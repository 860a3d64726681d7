/**
 * A wall clock that runs many times faster, the same for all processes that are given its environment; timers and
 * time-outs keep their pace. For tests in which days have to pass.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fakeClock } from './processes.js';

export interface FastClock {
  readonly env: Readonly<Record<string, string>>;
  /** ms since 1970 by this clock */
  now(): number;
}

/** Ends with the process that has started it. */
const HOLDER = 'console.log(process.env.FAKETIME_SHARED, Date.now()); process.stdin.resume()';

/**
 * Starts a clock `daysAgo` days in the past. The command faketime keeps the moment of the start in shared memory for as
 * long as it runs, and a process of our own tells where that is.
 */
export async function startFastClock(speed: number, daysAgo: number): Promise<FastClock> {
  const offset = `-${daysAgo}d x${speed}`;
  const holder = spawn('faketime', ['-m', '-f', offset, process.execPath, '-e', HOLDER], {
    env: { ...process.env, FAKETIME_DONT_FAKE_MONOTONIC: '1' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface(holder.stdout), 'line')) as [string];
  const started = performance.now();
  // it does not keep anybody waiting
  holder.unref();
  for (const stream of [holder.stdin, holder.stdout]) (stream as unknown as Socket).unref();
  const words = line.split(' ');
  const first = Number(words.pop());
  return {
    env: fakeClock({ FAKETIME: offset, FAKETIME_SHARED: words.join(' ') }),
    now: () => first + (performance.now() - started) * speed,
  };
}
