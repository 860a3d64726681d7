/**
 * `npm run test:damage -- --only journal --keep`: captures, damages what was captured in every way of damages.ts, starts
 * the logger on it twice, and has it judged by readers that share nothing with it. Prints a row for each kind; ends with
 * status 1 when anything is not as it should be.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programOptions } from '../support/arguments.js';
import { startSimulatorProcess } from '../support/processes.js';
import { DAMAGES } from './damages.js';
import { makeBases, SYMBOLS, Trial } from './trial.js';

/** Data messages per second and exchange. */
const RATE = 500;

const values = programOptions('npm run test:damage -- [options]', {
  only: { default: '', doc: 'kinds of damage whose names contain it', value: 'text' },
  keep: { default: false, doc: 'keep what was captured and damaged' },
});

const root = mkdtempSync(join(tmpdir(), 'logger-damage-'));
const simulator = await startSimulatorProcess(join(root, 'ledger'), [
  '--symbols',
  String(SYMBOLS),
  '--rate',
  String(RATE),
]);
await makeBases(root, simulator);
const chosen = DAMAGES.filter(({ name }) => name.includes(values.only));
let bad = 0;
for (const [number, damage] of chosen.entries()) {
  const trial = new Trial(damage, root, simulator, number);
  const outcome = await trial.run().catch((error) => ({
    what: 'FAILED',
    lost: 0,
    listed: 0,
    problems: [String(error)],
  }));
  const { what, lost, listed, problems } = outcome;
  const verdict = problems.length === 0 ? 'as it should be' : 'WRONG';
  console.log(
    `${damage.name.padEnd(48)} ${damage.end.padEnd(8)} ${what.padEnd(10)} ${`${lost} lost, ${listed} listed`.padEnd(26)} ${verdict}`,
  );
  for (const problem of problems) console.log(`    ${problem.slice(0, 1000)}`);
  if (problems.length > 0) bad++;
}
await simulator.stop();
console.log(`${chosen.length} kinds of damage, ${bad} not as they should be`);
if (!values.keep && bad === 0) rmSync(root, { recursive: true, force: true });
else console.log(root);
process.exit(bad === 0 ? 0 : 1);
