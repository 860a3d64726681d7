/**
 * `node dist/test/crash/images.js --cuts 20 --fs ext4,xfs`: real power cuts. The logger captures into a file system in
 * an image file; the image is copied while much of it has not been written back, as a disk would be found after the
 * power failed. The copy is mounted, recovered, verified and compared with what was sent. Needs root. Ends with status
 * 1 when anything was wrong.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { compareLedger, formatComparison } from '../../src/simulator/compare/compare.js';
import { programOptions } from '../support/arguments.js';
import {
  afterProcesses,
  sleep,
  startLoggerProcess,
  startSimulatorProcess,
  until,
  verifyProblems,
} from '../support/processes.js';
import { lostTrades } from './rounds.js';

const values = programOptions('npm run test:images -- [options], as root', {
  cuts: { default: '20', doc: 'power cuts on each file system' },
  fs: { default: 'ext4,xfs', doc: 'file systems', value: 'a,b' },
  window: { default: '1500', doc: 'milliseconds that a life may last', value: 'ms' },
});
const IMAGE_BYTES = 400 * 1024 * 1024;
const CLI = resolve('dist/src/cli.js');

function mount(image: string, at: string, type: string): void {
  mkdirSync(at, { recursive: true });
  // a copy has the identity of its original, which XFS would refuse to mount beside it
  const options = type === 'xfs' ? 'loop,nouuid' : 'loop';
  execFileSync('mount', ['-o', options, image, at]);
}

/** What was done to the copy of a disk, and what is wrong with it; '' when nothing is. */
async function judge(
  type: string,
  copy: string,
  at: string,
  ledger: string,
  life: { ready: number; killed: number },
) {
  mount(copy, at, type);
  try {
    const data = join(at, 'data');
    const recovery = spawnSync(process.execPath, [CLI, 'recover', '--data', data], { encoding: 'utf8' });
    if (recovery.status !== 0)
      return {
        done: '',
        problem: `recovery ended with ${recovery.status}: ${recovery.stdout}${recovery.stderr}`,
      };
    const comparison = compareLedger(ledger, data);
    const wrong = comparison.channels.some((c) => c.unexpected + c.repeated + c.different + c.disordered > 0);
    const lost = lostTrades(ledger, data, [life], Number(values.window));
    const problems = [wrong ? formatComparison(comparison) : '', ...lost, await verifyProblems(data)];
    const done = /\d+ rows written again.*/.exec(recovery.stdout)?.[0] ?? 'nothing to redo';
    return { done, problem: problems.filter(Boolean).join('\n') };
  } finally {
    execFileSync('umount', [at]);
    rmSync(copy);
  }
}

/** Cuts the power of one capture several times; answers the number of bad ones. */
async function cutPower(type: string, cuts: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), `logger-${type}-`));
  const [image, disk, ledger] = [join(folder, 'image'), join(folder, 'disk'), join(folder, 'ledger')];
  execFileSync('truncate', ['-s', String(IMAGE_BYTES), image]);
  execFileSync(`mkfs.${type}`, ['-q', image]);
  mount(image, disk, type);
  afterProcesses(() => spawnSync('umount', ['-l', disk]));
  const simulator = await startSimulatorProcess(ledger, ['--symbols', '12', '--rate', '2000']);
  const logger = startLoggerProcess({ folder, dataPath: join(disk, 'data') }, simulator);
  await logger.ready();
  const ready = Date.now();
  let bad = 0;
  for (let cut = 1; cut <= cuts; cut++) {
    await sleep(500 + Math.random() * 3000);
    logger.child.kill('SIGSTOP');
    const killed = Date.now();
    const copy = join(folder, `copy-${cut}`);
    execFileSync('cp', ['--sparse=always', image, copy]);
    logger.child.kill('SIGCONT');
    // an idle connection may have been closed meanwhile
    await until('the ledger is written', () => simulator.summary());
    const { done, problem } = await judge(type, copy, join(folder, 'copy'), ledger, { ready, killed });
    console.log(`${type} cut ${cut}: ${problem === '' ? 'nothing lost' : problem} (${done})`);
    if (problem !== '') bad++;
  }
  await logger.stop();
  await simulator.stop();
  execFileSync('umount', [disk]);
  rmSync(folder, { recursive: true });
  return bad;
}

let bad = 0;
for (const type of values.fs.split(',')) bad += await cutPower(type, Number(values.cuts));
console.log(bad === 0 ? 'every copy was whole' : `${bad} copies were not whole`);
process.exit(bad === 0 ? 0 : 1);
