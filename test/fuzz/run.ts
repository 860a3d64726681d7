/**
 * The fuzzers for as long as is wanted: `npm run test:fuzz -- --seconds 600 [--seed 1]`. They take turns; what they find
 * is printed with its seed, and `--seconds 0 --seed N` repeats that one. The status is 1 when anything was found.
 */
import { messageOf } from '../../src/base/errors.js';
import { programOptions } from '../support/arguments.js';
import { fuzzFrames, noFrameCounts } from './frames.js';
import { fuzzParsers, noParserCounts } from './parsers.js';

/** What is found is printed up to here: one mistake shows in many seeds. */
const PRINTED_MAX = 10;

const USAGE = 'npm run test:fuzz -- [options]';
const values = programOptions(USAGE, {
  seconds: { default: '60', doc: 'how long; 0 for one seed' },
  seed: { default: undefined, doc: 'the first one; at random when it is left out' },
});
const [seconds, first] = [Number(values.seconds), Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))];
if (!(seconds >= 0) || !Number.isSafeInteger(first)) {
  console.error(`usage: ${USAGE}, seconds from 0 and a whole number as the seed`);
  process.exit(2);
}

const parsers = noParserCounts();
const frames = noFrameCounts();
const begun = performance.now();
let found = 0;

/** Runs one fuzzer with one seed. */
async function run(fuzz: () => void | Promise<void>): Promise<void> {
  try {
    await fuzz();
  } catch (error) {
    if (found++ < PRINTED_MAX) console.error(`${messageOf(error)}\n`);
  }
}

let seed = first;
do {
  await run(() => fuzzParsers(seed, parsers));
  await run(() => fuzzFrames(seed, frames));
  seed++;
} while (performance.now() - begun < seconds * 1000);

console.log(`seeds ${first} to ${seed - 1}, ${Math.round((performance.now() - begun) / 1000)} s`);
console.log(
  `${parsers.messages} messages, ${parsers.rows} with rows (${parsers.templates} by templates), ${parsers.refused} refused, ${parsers.rewritten} compared with what JSON.parse wrote again`,
);
const outcomes = [...frames.outcomes]
  .sort(([, a], [, b]) => b - a)
  .map(([name, count]) => `${count} ${name}`);
console.log(
  `${frames.streams} streams of frames, ${frames.events} events; damaged ones ended with ${outcomes.join(', ')}`,
);
console.log(`${found} differences`);
process.exitCode = found === 0 ? 0 : 1;
