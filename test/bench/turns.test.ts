/** Programs that take turns: in order, one measured at a time, and none left behind by a run that fails. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Run } from '../../bench/baselines/comparison.js';
import { takeTurns } from '../../bench/baselines/turns.js';

const context = { runs: 2, signal: new AbortController().signal, progress: () => {} };

function programs(events: string[], fails = '') {
  return (name: string) => ({
    launch: async () => {
      events.push(`start ${name}`);
      return {
        measure: async (quiet: Promise<unknown>) => {
          events.push(`warm ${name}`);
          await quiet;
          events.push(`measure ${name}`);
          if (name === fails) throw new Error(`${name} has failed`);
          return { cpu_us: events.length } as Run;
        },
        end: async () => void events.push(`end ${name}`),
      };
    },
  });
}

test('the next program starts while one warms up and is there before anything is measured', async () => {
  const events: string[] = [];
  const program = programs(events);
  const runs = await takeTurns(context, { a: program('a'), b: { ...program('b'), runs: 1 } });
  assert.deepEqual([runs['a'].length, runs['b'].length], [2, 1]);
  const measured = events.filter((event) => event.startsWith('measure'));
  assert.deepEqual(measured, ['measure a', 'measure b', 'measure a']);
  assert.ok(events.indexOf('start b') < events.indexOf('measure a'));
});

test('alone: it starts when the one before has been measured', async () => {
  const events: string[] = [];
  const program = programs(events);
  await takeTurns({ ...context, runs: 1 }, { a: program('a'), b: program('b') }, { alone: true });
  assert.deepEqual(events, ['start a', 'warm a', 'measure a', 'start b', 'warm b', 'measure b']);
});

test('a run that fails ends the program that was started already', async () => {
  const events: string[] = [];
  const program = programs(events, 'a');
  await assert.rejects(takeTurns(context, { a: program('a'), b: program('b') }), /a has failed/);
  assert.equal(events.at(-1), 'end b');
});
