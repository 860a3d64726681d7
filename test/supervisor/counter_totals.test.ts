/** Every declared counter is shown: by /health with its value, and on the page of options with its meaning. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { CounterSpecs } from '../../src/counters/counters.js';
import * as declarations from '../../src/counters/declarations.js';
import { healthOf } from '../../src/supervisor/status.js';
import { session, snapshot, stored } from './snapshots.js';

const { COUNTER_BLOCKS } = declarations;

/** A value of its own for every counter. */
const numbered = <C extends CounterSpecs>(specs: C) =>
  Object.fromEntries(Object.keys(specs).map((name, i) => [name, i + 1])) as { [K in keyof C]: number };

test('every block of counters is shown by some name', () => {
  const declared = Object.entries(declarations).filter(([name]) => name.endsWith('_COUNTERS'));
  const shown: readonly unknown[] = Object.values(COUNTER_BLOCKS).map(({ specs }) => specs);
  assert.deepEqual(
    declared.filter(([, specs]) => !shown.includes(specs)).map(([name]) => name),
    [],
  );
});

test('every counter stands in /health with its value, of several blocks the sum or the largest', () => {
  const { session: connection, shard, ring, writer, sealer, sink } = COUNTER_BLOCKS;
  const connections = [1, 2].map(() => session({ counters: numbered(connection.specs) }));
  const shards = [1, 2].map(() => ({ counters: numbered(shard.specs), drained: numbered(ring.specs) }));
  const quiet = { type: 'jsonl', trouble: undefined, restarts: 0, lagRows: 0, lagSecs: 0 };
  const sinks = ['one', 'other'].map((name) => ({ ...quiet, name, counters: numbered(sink.specs) }));
  const changes = { writer: numbered(writer.specs), sealer: numbered(sealer.specs), sinks };
  const venue = stored(numbered(COUNTER_BLOCKS.stored.specs));
  const { counters } = healthOf(snapshot({ sessions: connections, shards, stored: { venue }, ...changes }));
  const shown: Readonly<Record<string, Readonly<Record<string, number>>>> = {
    ...counters.exchanges.venue,
    ...counters.process,
  };
  for (const [block, { specs }] of Object.entries(COUNTER_BLOCKS)) {
    const many = ['session', 'shard', 'ring', 'sink'].includes(block);
    const wanted = Object.entries(specs).map(([name, spec], i) => [
      name,
      many && spec.together === 'sum' ? 2 * (i + 1) : i + 1,
    ]);
    assert.deepEqual(Object.entries(shown[block]!), wanted, block);
  }
});

test('every counter stands on the page of options with its meaning', () => {
  const page = readFileSync('OPTIONS.md', 'utf8');
  const missing = Object.values(COUNTER_BLOCKS).flatMap(({ specs }) =>
    Object.entries(specs)
      .filter(([name, { doc }]) => !page.includes(`| \`${name}\` |`) || !page.includes(doc))
      .map(([name]) => name),
  );
  assert.deepEqual(missing, []);
});
