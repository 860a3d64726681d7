/** A short run of the fuzzers (run.ts) with seeds of its own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fuzzFrames, noFrameCounts } from './frames.js';
import { fuzzParsers, noParserCounts } from './parsers.js';

test('every way to read a message does the same as JSON.parse says', () => {
  const counts = noParserCounts();
  for (let seed = 1; seed <= 36; seed++) fuzzParsers(seed, counts);
  // a fuzzer that tries nothing would pass as well
  assert.ok(counts.messages > 3000 && counts.rows > 1000 && counts.refused > 400, JSON.stringify(counts));
  assert.ok(counts.rewritten > 200 && counts.templates > 200, JSON.stringify(counts));
});

test('streams of frames, good and damaged, tell what they tell to ws', async () => {
  const counts = noFrameCounts();
  for (let seed = 1; seed <= 300; seed++) await fuzzFrames(seed, counts);
  assert.ok(counts.events > 4000, `${counts.events} events are too few to mean anything`);
  for (const outcome of ['fail 1002', 'fail 1007', 'fail 1009', 'reviewed: longer length than needed'])
    assert.ok((counts.outcomes.get(outcome) ?? 0) > 0, `no stream ended with ${outcome}`);
});

test('the program fuzzes for as long as it is told to, and says what it has tried', () => {
  const { status, stdout } = spawnSync(
    process.execPath,
    ['dist/test/fuzz/run.js', '--seconds', '2', '--seed', '7'],
    {
      encoding: 'utf8',
    },
  );
  assert.equal(status, 0, stdout);
  assert.match(stdout, /[1-9]\d* messages/);
});
