/**
 * `npm run test:faults`: every class of fault, several rounds each, and a table of what was seen. Ends with status 1 when
 * a row was lost or stored twice, or anything else was wrong.
 */
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { programOptions } from '../support/arguments.js';
import { FAULT_CLASSES, type FaultClass } from './classes.js';
import { type Outcome, problemsOf, runClass } from './rounds.js';
import { faultPage, faultRow, faultTable } from './table.js';

const PAGE = 'docs/internals/faults.md';

const values = programOptions('npm run test:faults -- [options]', {
  only: { default: '', doc: 'classes whose names contain one of these', value: 'a,b' },
  rounds: {
    default: undefined,
    doc: 'how often each fault happens; otherwise 3 times, long ones less often',
  },
  'at-once': { default: '1', doc: 'classes that run at the same time' },
  write: { default: false, doc: `write ${PAGE}` },
  list: { default: false, doc: 'print the names and end' },
});
const print = (text: string) => process.stdout.write(`${text}\n`);

const parts = values.only.split(',');
const chosen = FAULT_CLASSES.filter(({ name }) => parts.some((part) => name.includes(part)));

/** One class; what goes wrong with it as a whole is noted, so that the others go on. */
async function run(fault: FaultClass): Promise<Outcome | string> {
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  const outcome = await runClass(fault, rounds).catch((error: Error) => `${fault.name}: ${error.message}`);
  const problems = typeof outcome === 'string' ? [outcome] : problemsOf(outcome);
  print(`${fault.name}: ${problems.length === 0 ? 'as it should be' : 'WRONG'}`);
  for (const problem of problems) print(`    ${problem}`);
  if (typeof outcome !== 'string') print(faultRow(outcome));
  return outcome;
}

/** All of them, so many at a time, in the order of the list. */
async function runAll(): Promise<(Outcome | string)[]> {
  const outcomes: (Outcome | string)[] = [];
  let next = 0;
  const lane = async () => {
    for (let i = next++; i < chosen.length; i = next++) outcomes[i] = await run(chosen[i]);
  };
  await Promise.all(Array.from({ length: Number(values['at-once']) }, lane));
  return outcomes;
}

if (values.list) print(FAULT_CLASSES.map(({ name, what }) => `${name.padEnd(18)}${what}`).join('\n'));
else {
  const all = await runAll();
  const outcomes = all.filter((outcome) => typeof outcome !== 'string');
  print(`\n${faultTable(outcomes)}`);
  const bad = all.length - outcomes.filter((outcome) => problemsOf(outcome).length === 0).length;
  print(`\n${all.length} classes of faults, ${bad} not as they should be`);
  const load = loadavg()[0].toFixed(0);
  const where = `Node ${process.versions.node}, ${cpus().length} processors, load average ${load} at the end`;
  if (values.write) writeFileSync(PAGE, faultPage(outcomes, where));
  process.exitCode = bad === 0 && all.length > 0 ? 0 : 1;
}
