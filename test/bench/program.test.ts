/** The CPU of a process between two moments. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { cpuBetween, type Moment, Program } from '../../bench/baselines/program.js';

const abort = new AbortController();
after(() => abort.abort());

const moment = (cpu_us: number, threads: readonly (readonly [string, number])[]): Moment => ({
  cpu_us,
  threads: new Map(threads),
});

test('CPU is that of the threads, those that were started meanwhile included', () => {
  const before = moment(10_000, [['1', 9500]]);
  assert.equal(
    cpuBetween(
      before,
      moment(10_000, [
        ['1', 9700],
        ['2', 50],
      ]),
    ),
    250,
  );
});

test('in ticks where a thread has ended, or where the kernel tells nothing of threads', () => {
  const before = moment(10_000, [
    ['1', 9500],
    ['2', 400],
  ]);
  assert.equal(cpuBetween(before, moment(30_000, [['1', 9700]])), 20_000);
  assert.equal(cpuBetween(moment(10_000, []), moment(30_000, [])), 20_000);
});

test('a program that does something has used something, however little', async () => {
  const script = `console.log('{}'); process.stdin.on('data', () => console.log('{}'))`;
  const program = new Program<object>('echo', [process.execPath, '-e', script], abort.signal);
  await program.line((line) => line);
  const before = program.moment();
  program.order({});
  await program.line((line) => line, 1);
  assert.ok(cpuBetween(before, program.moment()) > 0);
  await program.destroy();
});
