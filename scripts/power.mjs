// Simulated power cuts in any number: `npm run test:power -- --histories 100000 [--seed 1]`. A failure names its seed,
// and `--histories 1 --seed N` repeats it.
import { programOptions } from '../dist/test/support/arguments.js';
import { runHistories } from '../dist/test/support/power.js';

const values = programOptions('npm run test:power -- [options]', {
  histories: { default: '10000', doc: 'how many' },
  seed: { default: undefined, doc: 'the first one; at random when it is left out' },
});
const histories = Number(values.histories);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const started = Date.now();
const { failures, ...counts } = await runHistories(seed, histories);
console.log(`seeds ${seed} to ${seed + histories - 1}, ${Math.round((Date.now() - started) / 1000)} s`);
console.log(
  `${counts.histories} histories, ${counts.cuts} power cuts, ${counts.kills} kills, ${counts.recoveryCuts} recoveries cut short, ${counts.rows} rows, ${counts.seals} checksum files`,
);
for (const failure of failures.slice(0, 20)) console.error(failure);
console.log(`${failures.length} bad`);
process.exitCode = failures.length === 0 ? 0 : 1;
