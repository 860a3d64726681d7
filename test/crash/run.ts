/**
 * `npm run test:crash -- --rounds 100 --seed 1 --window 1500`: kills at random moments. With
 * `--syscall pwrite64,fdatasync --points 25` at so many calls of each kind instead, over all that one life makes (needs
 * strace); with `--signal SIGTERM` orderly stops under load. `--minutes` ends any of them early. Ends with status 1 when
 * anything was wrong.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programOptions } from '../support/arguments.js';
import { type CrashOptions, type CrashResult, killAtRandom, killAtSyscalls, stopAtRandom } from './rounds.js';

const values = programOptions('npm run test:crash -- [options]', {
  rounds: { default: '100', doc: 'kills' },
  minutes: { default: 'Infinity', doc: 'ends early behind so many' },
  seed: { default: String(Date.now() % 100_000), doc: 'of the moments' },
  window: { default: '1500', doc: 'milliseconds that a life may last', value: 'ms' },
  symbols: { default: '12', doc: 'of each exchange' },
  rate: { default: '2000', doc: 'messages per second and exchange' },
  signal: { default: 'SIGKILL', doc: 'SIGTERM: orderly stops under load', value: 'name' },
  syscall: { default: undefined, doc: 'kill within these system calls instead; needs strace', value: 'a,b' },
  points: { default: '25', doc: 'calls of each kind, over all of a life' },
  life: { default: '2500', doc: 'length of that life', value: 'ms' },
  unjournaled: { default: false, doc: 'without a journal' },
  keep: { default: false, doc: 'keep what was captured' },
});

/** One capture with everything that happens to it; answers the number of problems. */
async function run(name: string, rounds: (options: CrashOptions) => Promise<CrashResult>): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'logger-crash-'));
  const options: CrashOptions = {
    rounds: Number(values.rounds),
    untilMs: Number(values.minutes) * 60_000,
    seed: Number(values.seed),
    windowMs: Number(values.window),
    journaled: !values.unjournaled,
    symbols: Number(values.symbols),
    rate: Number(values.rate),
    folder,
    report: (line) => console.log(line),
  };
  console.log(`${name}: seed ${options.seed}, in ${folder}`);
  const { lives, problems } = await rounds(options);
  for (const problem of problems) console.error(problem);
  console.log(
    `${name}: ${lives.length} kills, ${problems.length === 0 ? 'nothing lost' : 'PROBLEMS, see above'}`,
  );
  if (problems.length === 0 && !values.keep) rmSync(folder, { recursive: true });
  return problems.length;
}

let problems = 0;
if (values.syscall !== undefined) {
  for (const syscall of values.syscall.split(','))
    problems += await run(syscall, (options) =>
      killAtSyscalls(options, syscall, Number(values.points), Number(values.life)),
    );
} else problems += await run(values.signal, values.signal === 'SIGTERM' ? stopAtRandom : killAtRandom);
process.exit(problems === 0 ? 0 : 1);
