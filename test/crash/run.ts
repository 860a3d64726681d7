/**
 * `npm run test:crash -- --rounds 100 --seed 1 --window 1500`: kills at random moments. With
 * `--syscall pwrite64,fdatasync --points 25` at so many calls of each kind instead, over all that one life makes (needs
 * strace); with `--signal SIGTERM` orderly stops under load. `--minutes` ends any of them early. Ends with status 1 when
 * anything was wrong.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type CrashOptions, type CrashResult, killAtRandom, killAtSyscalls, stopAtRandom } from './rounds.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    minutes: { type: 'string', default: 'Infinity' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    window: { type: 'string', default: '1500' },
    symbols: { type: 'string', default: '12' },
    rate: { type: 'string', default: '2000' },
    signal: { type: 'string', default: 'SIGKILL' },
    syscall: { type: 'string' },
    points: { type: 'string', default: '25' },
    life: { type: 'string', default: '2500' },
    unjournaled: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
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
